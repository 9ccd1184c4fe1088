// The consumer-service applies the records of Kafka to the read models in PostgreSQL.
package main

import (
	"os"

	consumerservice "github.com/counterfoil/counterfoil/consumer-service"
	"github.com/counterfoil/counterfoil/shared/service"
)

func main() {
	os.Exit(service.Main[consumerservice.Config]("consumer-service", consumerservice.Run))
}
