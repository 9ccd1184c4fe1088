// Package integration tests Counterfoil as its users meet it: over HTTP, in Kafka, by SQL, and as processes that are
// configured, stopped and killed. It knows nothing of what is inside. One file holds one promise, and its tests bear the
// promise's name.
//
// Without environment the suite builds the services, runs them on an embedded broker and an embedded PostgreSQL server,
// and leaves nothing behind:
//
//	go test ./integration/...
//
// With TEST_KAFKA_BROKER set, host:port, it runs on that Kafka instead of the embedded broker:
//
//	go run ./shared/kafkatest/apache/cmd/apache-kafka -exec go test ./integration
//
// With COMMAND_URL, QUERY_URL and CONSUMER_URL set it tests a stack that runs already, such as that of counterfoil dev or
// docker compose up; KAFKA_BROKER, DB_URL (with user and password) and KAFKA_PUBLISH_TOPIC say where its parts are:
//
//	set -a; . .counterfoil/env; go test ./integration/...
//
// A test that speaks only of its own commands runs on that stack if the stack offers what the test needs. A test that kills
// processes, empties tables, reads logs or takes servers away needs a stack of its own, and gets an embedded one in either
// case: nothing is skipped, and nobody's data is touched.
//
// Every answer of every service is checked against the OpenAPI document that the service gives out.
package integration
