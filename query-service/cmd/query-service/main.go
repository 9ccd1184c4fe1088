// Command query-service answers reads of the timestamp read model over HTTP; query-service --help lists its settings.
package main

import (
	"os"

	queryservice "github.com/counterfoil/counterfoil/query-service"
	"github.com/counterfoil/counterfoil/shared/service"
)

func main() {
	service.CollectLess()
	service.KeepWithin(100 << 20) // five thousand who wait leave half of it free
	os.Exit(service.Main[queryservice.Config]("query-service", queryservice.Run))
}
