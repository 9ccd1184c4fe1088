module github.com/counterfoil/counterfoil/shared

go 1.26.0
