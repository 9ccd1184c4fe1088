package main

import (
	"time"

	"github.com/counterfoil/counterfoil/bench/internal/measure"
	"github.com/counterfoil/counterfoil/bench/internal/peer"
)

// grammar is what can be written on the command line.
type grammar struct {
	common

	Ingest  ingest  `cmd:"" help:"POST → acknowledged: requests a second and latency."`
	Apply   apply   `cmd:"" help:"A topic of commands → committed rows: rows a second."`
	Rebuild rebuild `cmd:"" help:"A lost read model → the last row is back, while commands go on coming."`
	Read    read    `cmd:"" help:"GET by id, unchanged rows, pages, and while thousands wait."`
	Visible visible `cmd:"" help:"POST → seen by a waiting GET: latency at steady rates."`

	Grow grow `cmd:"" help:"How costs grow with rows, partitions, consumers, payload and versions."`
	All  all  `cmd:"" help:"Everything, and write docs/performance.md with its plots."`

	Peer peer.Command `cmd:"" hidden:"" help:"Be one of the programs that are compared."`
}

// common holds the settings of all measurements.
type common struct {
	Output      string        `short:"o" enum:"table,json" default:"table" help:"How results are written: ${enum}. Progress goes to standard error."`
	Rounds      int           `default:"3" help:"Turns of each contestant."`
	Duration    time.Duration `default:"3s" help:"How long a contestant's turn under load lasts; half of that where there is no target."`
	Records     int64         `default:"1000000" help:"Commands in a topic that is applied, and rows of a table that is read."`
	Quick       bool          `help:"One short round with few contestants and records: shows that everything runs, and nothing else."`
	Embedded    bool          `help:"Use the embedded broker (kfake) instead of Apache Kafka."`
	Profiles    string        `help:"Write a CPU profile of each service's turn into this folder." placeholder:"FOLDER"`
	Contests    string        `help:"Only contests and curves whose id, such as ingest-64, holds this as whole words." placeholder:"PART"`
	Contestants []string      `help:"Only contestants whose names begin so, separated by commas." placeholder:"NAME"`
	Against     string        `help:"Also measure the services as they were at this revision." placeholder:"REVISION"`
	Peers       bool          `help:"Also measure peers that are downloaded first."`
}

// options returns how much is measured.
func (c *common) options() measure.Options {
	o := measure.Options{Rounds: c.Rounds, Lasts: c.Duration, Records: c.Records, Quick: c.Quick, Peers: c.Peers, Contests: c.Contests, Contestants: c.Contestants, Against: c.Against, Say: say}
	if c.Quick {
		o.Rounds, o.Lasts, o.Records = 1, 500*time.Millisecond, min(c.Records, 20_000)
	}
	return o
}
