package apache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/counterfoil/counterfoil/shared/filelock"
)

// Version is the version of Apache Kafka that is run.
const Version = "4.1.1"

// nodeJars are what a node needs. The broker brings no backend for slf4j, and without one a node that does not start would not
// say why.
var nodeJars = []Artifact{{"org.apache.kafka", "kafka_2.13", Version}, Logs}

// Logs is a backend for slf4j that writes by log4j.
var Logs = Artifact{"org.apache.logging.log4j", "log4j-slf4j-impl", "2.24.3"}

// An Artifact is something that Maven Central has.
type Artifact struct{ Group, Name, Version string }

const copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

// findJars returns the directory that has all jars of a node.
func findJars(ctx context.Context, say func(string)) (string, error) {
	return Jars(ctx, "kafka-"+Version, nodeJars, say)
}

// Jars returns the directory that has the jars of the artifacts and of all that they depend on, fetching them from Maven
// Central the first time into the user's cache under that name, which should have the version in it. say is told when
// it fetches.
func Jars(ctx context.Context, name string, artifacts []Artifact, say func(string)) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	jars := filepath.Join(cache, "counterfoil", name)
	if err := os.MkdirAll(filepath.Dir(jars), 0o755); err != nil {
		return "", err
	}
	lock, err := filelock.Wait(ctx, jars+".lock")
	if err != nil {
		return "", err
	}
	defer lock.Release()
	if _, err := os.Stat(jars); err == nil {
		return jars, nil // it got its name when it was complete
	}
	mvn, err := exec.LookPath("mvn")
	if err != nil {
		return "", fmt.Errorf("the jars of %s are fetched by the command mvn, which is not in the PATH: install Apache Maven", name)
	}
	say("fetching " + name + " from Maven Central to " + jars + ", once")
	unfinished := jars + ".unfinished"
	if err := os.RemoveAll(unfinished); err != nil {
		return "", err
	}
	if err := os.MkdirAll(unfinished, 0o755); err != nil {
		return "", err
	}
	pomFile := filepath.Join(unfinished, "pom.xml")
	if err := os.WriteFile(pomFile, project(artifacts), 0o644); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, mvn, "--batch-mode", "--quiet", "--file", pomFile,
		copyDependencies, "-DincludeScope=runtime", "-DoutputDirectory="+unfinished)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("fetch %s: %w\n%s", name, errors.Join(err, ctx.Err()), bytes.TrimSpace(output))
	}
	return jars, os.Rename(unfinished, jars)
}

// project returns a Maven project that depends on the artifacts.
func project(artifacts []Artifact) []byte {
	var text bytes.Buffer
	text.WriteString(`<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>counterfoil</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
`)
	for _, a := range artifacts {
		fmt.Fprintf(&text, "<dependency><groupId>%s</groupId><artifactId>%s</artifactId><version>%s</version></dependency>\n", a.Group, a.Name, a.Version)
	}
	text.WriteString("</dependencies></project>\n")
	return text.Bytes()
}

// Java returns the java command.
func Java() (string, error) {
	if home := os.Getenv("JAVA_HOME"); home != "" {
		java := filepath.Join(home, "bin", "java")
		if _, err := os.Stat(java); err == nil {
			return java, nil
		}
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return "", errors.New("Apache Kafka runs on Java 17 or later, and there is no java in the PATH and no JAVA_HOME: install a Java runtime")
	}
	return java, nil
}
