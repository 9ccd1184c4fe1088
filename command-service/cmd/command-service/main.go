// The command-service takes commands over HTTP and answers each with a ticket once Kafka keeps it.
package main

import (
	"os"

	commandservice "github.com/counterfoil/counterfoil/command-service"
	"github.com/counterfoil/counterfoil/shared/service"
)

func main() {
	service.CollectLess()
	os.Exit(service.Main[commandservice.Config]("command-service", commandservice.Run))
}
