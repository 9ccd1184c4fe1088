package rig

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/counterfoil/counterfoil/shared/embedded"
	"github.com/counterfoil/counterfoil/shared/kafkatest/apache"
)

// debezium is the version of Debezium's JDBC sink.
const debezium = "3.5.0.Final"

// connect is what Kafka Connect needs for it.
var connect = []apache.Artifact{
	{Group: "org.apache.kafka", Name: "connect-runtime", Version: apache.Version},
	{Group: "org.apache.kafka", Name: "connect-json", Version: apache.Version},
	{Group: "org.apache.kafka", Name: "connect-transforms", Version: apache.Version},
	{Group: "io.debezium", Name: "debezium-connector-jdbc", Version: debezium},
	apache.Logs,
}

// Sink says how Debezium's JDBC sink works.
type Sink struct {
	Tasks  int
	Unnest bool // arrays instead of a statement for each row
}

// Debezium starts Kafka Connect with Debezium's JDBC sink in upsert mode, which applies a topic of Enveloped commands.
func (r *Rig) Debezium(ctx context.Context, db *Database, topic string, sink Sink) (*Process, error) {
	java, err := apache.Java()
	if err != nil {
		return nil, err
	}
	jars, err := apache.Jars(ctx, "connect-"+apache.Version+"-debezium-jdbc-"+debezium, connect, func(line string) { r.cfg.Say("%s", line) })
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(r.dir, r.Name("connect-"))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	port, err := embedded.StablePort()
	if err != nil {
		return nil, err
	}
	connector, err := r.connector(db, topic, sink)
	if err != nil {
		return nil, err
	}
	worker := []string{
		"bootstrap.servers=" + r.broker, "listeners=http://127.0.0.1:" + strconv.Itoa(port),
		"offset.storage.file.filename=" + filepath.Join(dir, "offsets"), "offset.flush.interval.ms=1000",
		"key.converter=org.apache.kafka.connect.storage.StringConverter", "value.converter=org.apache.kafka.connect.json.JsonConverter",
	}
	logs := []string{"rootLogger.level=WARN", "rootLogger.appenderRef.out.ref=out", "appender.out.type=Console", "appender.out.name=out"}
	for name, lines := range map[string][]string{"worker": worker, "connector": connector, "log4j2": logs} {
		if err := os.WriteFile(filepath.Join(dir, name+".properties"), []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(java, "-Xmx1g", "-cp", filepath.Join(jars, "*"), "-Dlog4j2.configurationFile="+filepath.Join(dir, "log4j2.properties"),
		"org.apache.kafka.connect.cli.ConnectStandalone", filepath.Join(dir, "worker.properties"), filepath.Join(dir, "connector.properties"))
	return r.listen(ctx, "debezium", cmd, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
}

func (r *Rig) connector(db *Database, topic string, sink Sink) ([]string, error) {
	u, err := url.Parse(db.WriterURL)
	if err != nil {
		return nil, err
	}
	password, _ := u.User.Password()
	return []string{
		"name=" + r.Name("debezium-"), "connector.class=io.debezium.connector.jdbc.JdbcSinkConnector",
		"topics=" + topic, fmt.Sprintf("tasks.max=%d", sink.Tasks),
		"connection.url=jdbc:postgresql://" + u.Host + u.Path + "?reWriteBatchedInserts=true",
		"connection.username=" + u.User.Username(), "connection.password=" + password,
		"collection.name.format=timestamp_v1.timestamp_records", "insert.mode=upsert", "schema.evolution=none",
		"primary.key.mode=record_value", "primary.key.fields=id", "batch.size=2000", "consumer.override.max.poll.records=2000",
		fmt.Sprintf("dialect.postgres.unnest.insert.enabled=%t", sink.Unnest),
	}, nil
}
