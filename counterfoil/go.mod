module github.com/counterfoil/counterfoil/counterfoil

go 1.26.0

require (
	github.com/counterfoil/counterfoil/command-service v0.0.0
	github.com/counterfoil/counterfoil/consumer-service v0.0.0
	github.com/counterfoil/counterfoil/query-service v0.0.0
	github.com/counterfoil/counterfoil/shared v0.0.0
)

replace github.com/counterfoil/counterfoil/shared => ../shared

replace github.com/counterfoil/counterfoil/command-service => ../command-service

replace github.com/counterfoil/counterfoil/consumer-service => ../consumer-service

replace github.com/counterfoil/counterfoil/query-service => ../query-service
