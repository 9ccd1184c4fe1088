# Every verb of this repository. The two that a newcomer needs do without make: go run ./counterfoil dev, go test work.

.DEFAULT_GOAL := help
.PHONY: help up down dev test race lint verify apache postman mutants faults soak away limits bench

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: ## build and start the real stack by Docker, and wait until it is ready
	docker compose up --build --wait

down: ## stop it; what Kafka and PostgreSQL hold is kept
	docker compose down

dev: ## run everything in one process, on an embedded broker
	go run ./counterfoil dev

test: ## run all tests
	go test work

race: ## run all tests with the race detector, as CI does
	go test -race work

apache: ## run the integration suite on real Apache Kafka (needs Java 17 and Maven)
	go run ./shared/kafkatest/apache/cmd/apache-kafka -exec go test -count=1 ./integration

postman: ## run the Postman collection against a stack that runs (needs Node.js)
	postman/run

mutants: ## show that the tests catch plausible mistakes (takes half an hour)
	go run ./integration/mutants

faults: ## break everything, one by one and in random sequence, and check what is there (SEED=n repeats)
	FAULTS=1 go test -count=1 -v -p 1 -timeout 30m ./integration/faults/...

limits: ## hold thousands of connections, hostile records and slow clients, and measure memory
	LIMITS=1 go test -count=1 ./integration/limits

soak: ## random faults for DURATION (such as 30m), with a report in docs/soak.md
	DURATION=$(or $(DURATION),30m) go test -count=1 -v -timeout 24h -run TestSoak ./integration/faults

bench: ## measure everything beside peers and limits, and write docs/performance.md (takes half an hour)
	go run ./bench all

away: ## take PostgreSQL, and Kafka, away for DURATION (such as 10m) under load, and measure memory
	FAULTS_AWAY=$(or $(DURATION),10m) go test -count=1 -v -timeout 24h -run TestG5_AwayForLong ./integration/faults

lint: ## check formatting and vet
	.ci/lint

verify: ## check that go.mod, go.sum and go.work.sum are what Go makes of them
	.ci/verify
