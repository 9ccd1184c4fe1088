module github.com/counterfoil/counterfoil/command-service

go 1.26.0

require github.com/counterfoil/counterfoil/shared v0.0.0

replace github.com/counterfoil/counterfoil/shared => ../shared
