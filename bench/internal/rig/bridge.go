package rig

import (
	"context"
	_ "embed"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/filelock"
	"github.com/counterfoil/counterfoil/shared/kafkatest/apache"
)

// The versions of the bridges from HTTP to Kafka.
const (
	CamelVersion    = "4.10.2"
	AiohttpVersion  = "3.13.3"
	AiokafkaVersion = "0.12.0"
)

//go:embed camel.yaml
var camelRoute []byte

// Camel starts Apache Camel with a route from HTTP to the topic.
func (r *Rig) Camel(ctx context.Context, topic string) (*Process, error) {
	java, err := apache.Java()
	if err != nil {
		return nil, err
	}
	var artifacts []apache.Artifact
	for _, name := range []string{"camel-main", "camel-bean", "camel-yaml-dsl", "camel-kafka", "camel-platform-http-main"} {
		artifacts = append(artifacts, apache.Artifact{Group: "org.apache.camel", Name: name, Version: CamelVersion})
	}
	artifacts = append(artifacts, apache.Artifact{Group: "org.slf4j", Name: "slf4j-nop", Version: "2.0.16"})
	jars, err := apache.Jars(ctx, "camel-http-kafka-"+CamelVersion, artifacts, func(line string) { r.cfg.Say("%s", line) })
	if err != nil {
		return nil, err
	}
	route := filepath.Join(r.dir, r.Name("camel-")+".yaml")
	if err := os.WriteFile(route, camelRoute, 0o644); err != nil {
		return nil, err
	}
	port, err := embedded.StablePort()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(java, "-Xmx1g", "-cp", filepath.Join(jars, "*"), "-Dbroker="+r.broker, "-Dtopic="+topic,
		"-Dcamel.main.routesIncludePattern=file:"+route, "-Dcamel.server.enabled=true", "-Dcamel.server.host=127.0.0.1",
		"-Dcamel.server.port="+strconv.Itoa(port), "org.apache.camel.main.Main")
	p, err := r.listen(ctx, "camel", cmd, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return p, err
	}
	return p, r.await(ctx, p, func(ctx context.Context) error { return routed(ctx, p.Address("http")) })
}

// routed returns an error as long as the server does not know the route: Camel listens before it has any.
func routed(ctx context.Context, address string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/api/v1/timestamp", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil || response.StatusCode == http.StatusNotFound {
		return errors.Join(errors.New("there is no route yet"), err)
	}
	return nil
}

//go:embed bridge.py
var pythonBridge []byte

// Aiohttp starts a bridge in Python.
func (r *Rig) Aiohttp(ctx context.Context, topic string) (*Process, error) {
	python, err := r.python(ctx, "aiohttp=="+AiohttpVersion, "aiokafka=="+AiokafkaVersion)
	if err != nil {
		return nil, err
	}
	script := filepath.Join(r.dir, r.Name("bridge-")+".py")
	if err := os.WriteFile(script, pythonBridge, 0o644); err != nil {
		return nil, err
	}
	return r.start(ctx, "aiohttp", exec.Command(python, script, r.broker, topic))
}

// python returns the python of a virtual environment that has the packages, as pip names them, which it installs the first
// time into the user's cache.
func (r *Rig) python(ctx context.Context, packages ...string) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "counterfoil", "python")
	for _, name := range packages {
		dir += "-" + name
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	lock, err := filelock.Wait(ctx, dir+".lock")
	if err != nil {
		return "", err
	}
	defer lock.Release()
	python := filepath.Join(dir, "bin", "python")
	if _, err := os.Stat(filepath.Join(dir, "complete")); err == nil {
		return python, nil
	}
	r.cfg.Say("installing %v into %s, once", packages, dir)
	pip := append([]string{"-m", "pip", "install", "--quiet"}, packages...)
	for _, step := range [][]string{{"python3", "-m", "venv", "--clear", dir}, append([]string{python}, pip...)} {
		if err := execute(ctx, r.dir, step[0], step[1:]...); err != nil {
			return "", err
		}
	}
	return python, os.WriteFile(filepath.Join(dir, "complete"), nil, 0o644)
}
