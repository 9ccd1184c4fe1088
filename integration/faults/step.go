package faults

// A Step is a named place in the services at which they can be ended.
type Step struct {
	Name     string
	Service  string
	Underway bool // it is come to again and again under load; the others only at special times
}

// Steps are all of them; a test holds them to the code.
var Steps = []Step{
	{"accept: id made", "command-service", true},
	{"accept: handed over", "command-service", true},
	{"accept: acknowledged", "command-service", true},
	{"delivery: checkpoints read", "consumer-service", false},
	{"delivery: partitions begun", "consumer-service", false},
	{"delivery: offset marked", "consumer-service", true},
	{"apply: checkpoint moved", "consumer-service", true},
	{"apply: rows inserted", "consumer-service", true},
	{"apply: before commit", "consumer-service", true},
	{"apply: committed", "consumer-service", true},
	{"control: decision recorded", "consumer-service", false},
	{"control: committed", "consumer-service", false},
	{"rebuild: migrated", "consumer-service", false},
	{"rebuild: version created", "consumer-service", false},
	{"rebuild: version restored", "consumer-service", false},
	{"build: filled", "consumer-service", false},
	{"build: indexed", "consumer-service", false},
	{"build: caught up", "consumer-service", false},
	{"build: ready", "consumer-service", false},
}
