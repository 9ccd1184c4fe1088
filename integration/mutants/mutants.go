package main

// A mutant is one plausible mistake: old, which stands once in the file, becomes changed, and at least one of the tests
// must fail.
type mutant struct {
	mistake  string
	file     string
	old, new string
	pkg      string // where the tests that must catch it are, from the root
	run      string // -run of these tests
}

const (
	apply    = "./consumer-service/internal/apply"
	consumer = "./consumer-service"
	commands = "./command-service"
	kafka    = "./shared/kafka"
	postgres = "./shared/postgres"
	queries  = "./query-service"
)

// mutants are mistakes that somebody made in a system of this kind, or that the design warns of.
var mutants = []mutant{
	{
		"the checkpoint is committed before the rows", "consumer-service/internal/apply/ledger.go",
		"moved, err := tx.Exec(ctx, moveSQL", "moved, err := l.Pool.Exec(ctx, moveSQL",
		apply, "TestG5_AMissingTable",
	},
	{
		"a repeat is an error instead of nothing", "consumer-service/internal/apply/sql.go",
		" ON CONFLICT DO NOTHING`,\n\t\ttable(d)", "`,\n\t\ttable(d)",
		consumer, "TestG3_",
	},
	{
		"created_at is the consumer's clock", "consumer-service/internal/apply/decode.go",
		"return r.Timestamp, nil", "return time.Now().UTC(), nil",
		consumer, "TestG7_ARow|TestG7_ANewGroup",
	},
	{
		"the checkpoint is not fenced", "consumer-service/internal/apply/ledger.go",
		"AND partition = $3 AND next_offset = $4\n\t\tAND (hold_at", "AND partition = $3 AND $4::bigint >= 0\n\t\tAND (hold_at",
		apply, "TestG4_",
	},
	{
		"what was fenced is forgotten", "consumer-service/internal/delivery/delivery.go",
		"\"fenced, beginning anew\")\n\t\treturn false", "\"fenced, beginning anew\")\n\t\treturn true",
		consumer, "TestG4_AConsumerThatIsFenced",
	},
	{
		"a new group begins at the newest record", "consumer-service/internal/delivery/delivery.go",
		"begin[assigned.Partition] = p.next", "begin[assigned.Partition] = max(p.next, assigned.End)",
		consumer, "TestG7_ANewGroup|TestG4_TheCheckpoint",
	},
	{
		"a parked record is swallowed", "consumer-service/internal/apply/park.go",
		"if len(aside) == 0 {", "if len(aside) >= 0 {",
		consumer, "TestG5_Poisoned",
	},
	{
		"later records of a parked key go on", "consumer-service/internal/apply/park.go",
		"case it.record.Key != nil && held[key]:", "case it.record.Key != nil && held[key] && len(items) < 0:",
		consumer, "TestG6_",
	},
	{
		"a consumer that starts anew forgets what is parked", "consumer-service/internal/apply/park.go",
		"a.holds[p] = true\n\t}\n\tfor", "a.holds[p] = false\n\t}\n\tfor",
		consumer, "TestG6_Later",
	},
	{
		"a decision is forgotten when its record comes later", "consumer-service/internal/apply/park.go",
		"case discards[it.record.Position]:", "case discards[it.record.Position] && len(items) < 0:",
		consumer, "TestG7_ADecision|TestG7_ARebuild",
	},
	{
		"a database that is away parks records", "shared/postgres/classify.go",
		`return fault.New(fault.CodeDatabaseAway, "PostgreSQL cannot be reached.", err)`,
		`return fault.New(fault.CodeRefusedByDatabase, "PostgreSQL cannot be reached.", err)`,
		postgres, "TestClassify",
	},
	{
		"a missing table parks records", "shared/postgres/classify.go",
		`case "22", "23":`, `case "22", "23", "42":`,
		apply, "TestG5_AMissingTable",
	},
	{
		"lost history is passed over", "consumer-service/internal/delivery/delivery.go",
		"if lost != nil && !decided {", "if lost != nil && !decided && len(assignments) < 0 {",
		consumer, "TestG11_",
	},
	{
		"an offset that is not there is jumped over", "shared/kafka/group.go",
		"cfg.Consumer.Group.ResetInvalidOffsets = false", "cfg.Consumer.Group.ResetInvalidOffsets = true",
		kafka, "TestG11_",
	},
	{
		"the leader alone acknowledges", "shared/kafka/connect.go",
		"cfg.Producer.RequiredAcks = sarama.WaitForAll", "cfg.Producer.RequiredAcks = sarama.WaitForLocal\n\tcfg.Producer.Idempotent = false",
		commands, "TestG1_",
	},
	{
		"the producer is not idempotent", "shared/kafka/connect.go",
		"cfg.Producer.Idempotent = true", "cfg.Producer.Idempotent = false",
		commands, "TestG1_|TestG2_",
	},
	{
		"a ticket is answered before the acknowledgement", "shared/kafka/producer.go",
		"case err := <-caller.done:\n\t\treturn p.judged(msg, err)\n\tcase <-late.C:", "case <-time.After(0):\n\t\treturn p.judged(msg, nil)\n\tcase <-late.C:",
		commands, "TestG1_|TestG2_",
	},
	{
		"an unknown outcome has no id", "command-service/internal/api/ticket.go",
		"TicketID: id}", "TicketID: \"\"}",
		commands, "TestG2_",
	},
	{
		"an Idempotency-Key gives a new id each time", "shared/command/command.go",
		"return uuid.NewSHA1(idSpace, []byte(key)), nil", "return uuid.NewV7()",
		commands, "TestG3_",
	},
	{
		"keys are hashed as only Go does", "shared/kafka/connect.go",
		"sarama.NewMurmur2Partitioner", "sarama.NewHashPartitioner",
		kafka, "TestG6_",
	},
	{
		"the read side may write", "shared/postgres/readonly.go",
		"if len(rights) > 0 {", "if len(rights) < 0 {",
		postgres, "TestG9_",
	},
	{
		"those who wait are not woken", "consumer-service/internal/apply/commit.go",
		"readmodel.AppliedChannel, a.declaration.Label()", "readmodel.AppliedChannel+\"x\", a.declaration.Label()",
		"./integration", "Wait|LongPoll",
	},
	{
		"a table made anew keeps its checkpoints", "shared/readmodel/ensure.go",
		"DELETE FROM counterfoil.checkpoints WHERE", "DELETE FROM counterfoil.checkpoints WHERE false AND",
		"./shared/readmodel", "TestEnsure_",
	},
	{
		"a new group keeps what an earlier one parked", "consumer-service/internal/apply/apply.go",
		"if err != nil || !first {", "if err != nil || !first || next >= 0 {",
		consumer, "TestG7_ANewGroupParks",
	},
	{
		"a decision forgets what waits beyond its first page", "consumer-service/internal/apply/decide.go",
		"More: len(waiting) == pageOfWaiting}", "More: len(waiting) < 0}",
		apply, "TestG6_WhatWaits",
	},
	{
		"a decision that PostgreSQL refuses is tried for ever", "consumer-service/internal/control/control.go",
		"if fault.Is(err, fault.Unappliable) {", "if fault.Is(err, fault.LostHistory) {",
		consumer, "TestControl_ADecision",
	},
	{
		"a record at the place of an older parked one is swallowed", "consumer-service/internal/apply/park.go",
		`AND partition = $4 AND "offset" = ANY ($5)` + "`,", `AND partition = $4 AND "offset" = ANY ($5) AND false` + "`,",
		apply, "TestG5_ARecordAt",
	},
	{
		"records are given up while their callers wait", "shared/kafka/connect.go",
		"p.patient(ctx))", "p.cfg.producing())",
		kafka, "TestProducer_WaitsFor",
	},
}
