package apply_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/counterfoil/counterfoil/consumer-service/internal/apply"
	"github.com/counterfoil/counterfoil/consumer-service/internal/rebuild"
	"github.com/counterfoil/counterfoil/shared/kafka"
	"github.com/counterfoil/counterfoil/shared/pgtest"
	"github.com/counterfoil/counterfoil/shared/position"
	"github.com/counterfoil/counterfoil/shared/postgres"
	"github.com/counterfoil/counterfoil/shared/readmodel"
)

// zones is a model whose rows change and are deleted, from two topics.
const zones = `
name: zones
sources: [{topic: east, format: json}, {topic: west, format: json}]
key: id
columns:
  - {name: id, type: int4, from: $.id}
  - {name: borough, type: text, from: $.borough}
  - {name: fee, type: "numeric(8,2)", from: $.fee, default: "1.50"}
  - {name: from_topic, type: text, from: $topic}
primary_key: [id]
write: upsert
on_null: delete
indexes: [{columns: [borough]}]
`

// declared returns the declaration that the YAML says.
func declared(t *testing.T, yaml string) *readmodel.Declaration {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "model.yaml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	declarations, err := readmodel.Load(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	return declarations[0]
}

// store is a database with one version of a declared model.
type store struct {
	t           *testing.T
	declaration *readmodel.Declaration
	owner       *pgxpool.Pool
	writer      *pgxpool.Pool
}

func newStore(t *testing.T, yaml string) *store {
	t.Helper()
	d, db := declared(t, yaml), pgtest.Database(t)
	preparer := rebuild.Preparer{Owner: postgres.Config{URL: db.OwnerURL}, Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if err := preparer.Models(t.Context(), rebuild.Files{d}); err != nil {
		t.Fatal(err)
	}
	return &store{t, d, connect(t, db.OwnerURL), connect(t, db.WriterURL)}
}

// apply has a group apply the records, which are of one partition and in order, wherever its checkpoint was before.
func (s *store) apply(group string, records []kafka.Record) apply.Result {
	first := records[0].Position
	_, err := s.owner.Exec(s.t.Context(), `
		INSERT INTO counterfoil.checkpoints (group_id, topic, partition, next_offset) VALUES ($1, $2, $3, $4)
		ON CONFLICT (group_id, topic, partition) DO UPDATE SET next_offset = excluded.next_offset`, group, first.Topic, first.Partition, first.Offset)
	if err != nil {
		s.t.Error(err)
	}
	result, err := apply.New(s.writer, s.declaration, group).Apply(s.t.Context(), first.Offset, records)
	if err != nil {
		s.t.Error(err)
	}
	return result
}

// rows returns all that is stored, positions and deletions included.
func (s *store) rows() string {
	s.t.Helper()
	var rows string
	err := s.owner.QueryRow(s.t.Context(), fmt.Sprintf(`SELECT coalesce(string_agg(r::text, E'\n' ORDER BY r::text), '') FROM %s r`,
		postgres.Identifier(s.declaration.Schema(), s.declaration.Storage()))).Scan(&rows)
	if err != nil {
		s.t.Fatal(err)
	}
	return rows
}

func (s *store) empty() {
	s.t.Helper()
	if _, err := s.owner.Exec(s.t.Context(), `TRUNCATE `+postgres.Identifier(s.declaration.Schema(), s.declaration.Storage())); err != nil {
		s.t.Fatal(err)
	}
}

// history returns what the partitions of both topics hold: the broker's time never runs back within one of them.
func history(r *rand.Rand, keys, each int) [][]kafka.Record {
	var partitions [][]kafka.Record
	for _, topic := range []string{"east", "west"} {
		for number := range int32(2) {
			at := time.UnixMilli(1_700_000_000_000).UTC()
			var records []kafka.Record
			for offset := range each {
				at = at.Add(time.Duration(r.IntN(3)) * time.Millisecond)
				id := r.IntN(keys)
				record := kafka.Record{
					Position:  position.Position{Topic: topic, Partition: number, Offset: int64(offset)},
					Timestamp: at, Key: fmt.Append(nil, id),
				}
				if r.IntN(4) > 0 {
					record.Value = fmt.Appendf(nil, `{"id":%d,"borough":"%s %d/%d"}`, id, topic, number, offset)
				}
				records = append(records, record)
			}
			partitions = append(partitions, records)
		}
	}
	return partitions
}

// disorder cuts the history into batches, some records in several of them, in any order.
func disorder(r *rand.Rand, partitions [][]kafka.Record) [][]kafka.Record {
	var batches [][]kafka.Record
	for _, records := range partitions {
		for range 3 {
			for rest := records; len(rest) > 0; {
				n := 1 + r.IntN(len(rest))
				if r.IntN(2) == 0 || len(batches)%7 == 0 {
					batches = append(batches, rest[:n])
				}
				rest = rest[n:]
			}
		}
		batches = append(batches, records[:1+r.IntN(len(records))], records)
	}
	r.Shuffle(len(batches), func(i, j int) { batches[i], batches[j] = batches[j], batches[i] })
	return batches
}

func TestG3_RowsThatChangeAreTheSameInWhateverOrderAndHoweverOftenRecordsCome(t *testing.T) {
	t.Parallel()
	s := newStore(t, zones)
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 1))
		each := []int{3, 20, 400}[seed%3] // many are copied, few inserted
		partitions := history(r, 1+each/(1+r.IntN(3)), each)
		s.empty()
		for _, records := range partitions {
			s.apply("in-order", records)
		}
		want := s.rows()

		s.empty()
		batches := disorder(r, partitions)
		var writers sync.WaitGroup
		for w := range 2 {
			writers.Go(func() {
				for i := w; i < len(batches); i += 2 {
					s.apply(fmt.Sprint("writer-", w), batches[i])
				}
			})
		}
		writers.Wait()
		if got := s.rows(); got != want {
			t.Fatalf("seed %d: in disorder the rows are\n%s\nin order\n%s", seed, got, want)
		}
		if want := newest(partitions); s.visible() != want {
			t.Fatalf("seed %d: readers see\n%s\nwant\n%s", seed, s.visible(), want)
		}
	}
}

// visible returns what readers see.
func (s *store) visible() string {
	s.t.Helper()
	var rows string
	err := s.owner.QueryRow(s.t.Context(), `SELECT coalesce(string_agg(borough, E'\n' ORDER BY borough), '') FROM zones_v1.zones`).Scan(&rows)
	if err != nil {
		s.t.Fatal(err)
	}
	return rows
}

// newest says by itself what readers have to see: the last word about each key.
func newest(partitions [][]kafka.Record) string {
	last := map[string]kafka.Record{}
	for _, records := range partitions { // by topic, then by partition, as ties are decided
		for _, record := range records {
			if before, ok := last[string(record.Key)]; !ok || !record.Timestamp.Before(before.Timestamp) {
				last[string(record.Key)] = record
			}
		}
	}
	var boroughs []string
	for _, record := range last {
		if record.Value != nil {
			_, text, _ := strings.Cut(string(record.Value), `"borough":"`)
			boroughs = append(boroughs, strings.TrimSuffix(text, `"}`))
		}
	}
	slices.Sort(boroughs)
	return strings.Join(boroughs, "\n")
}

func zone(offset int64, id int, value string) kafka.Record {
	r := kafka.Record{Position: position.Position{Topic: "east", Offset: offset}, Timestamp: time.UnixMilli(1_700_000_000_000 + offset).UTC(), Key: fmt.Append(nil, id)}
	if value != "" {
		r.Value = []byte(value)
	}
	return r
}

func TestUpsert_ADeletedRowKeepsNothingButItsKeyAndCanComeBack(t *testing.T) {
	t.Parallel()
	s := newStore(t, zones)
	s.apply("g", []kafka.Record{zone(0, 1, `{"id":1,"borough":"Queens","fee":2}`), zone(1, 2, `{"id":2,"borough":"Bronx"}`)})
	result := s.apply("g", []kafka.Record{zone(2, 1, ""), zone(3, 3, "")})
	if result.Applied != 2 || len(result.Parked) != 0 {
		t.Errorf("the deletions came to %+v", result)
	}
	if got := s.visible(); got != "Bronx" {
		t.Errorf("left is %q", got)
	}
	if got := s.rows(); strings.Contains(got, "Queens") || !strings.Contains(got, "(1,,,,0,0,2,") {
		t.Errorf("stored is\n%s", got)
	}
	s.apply("g", []kafka.Record{zone(4, 1, `{"id":1,"borough":"Brooklyn"}`)})
	if got := s.visible(); got != "Bronx\nBrooklyn" {
		t.Errorf("readers see %q", got)
	}
	result = s.apply("g", []kafka.Record{zone(5, 7, `{"id":8,"borough":"x"}`), {Position: position.Position{Topic: "east", Offset: 6}, Timestamp: time.UnixMilli(1).UTC()}})
	if len(result.Parked) != 2 {
		t.Errorf("a key that names another row and a record without key and value came to %+v", result)
	}
}

// After history was lost a partition begins anew: its offsets are smaller than those of rows from its earlier life.
func TestUpsert_APartitionThatBeganAnewReplacesWhatItHeldBefore(t *testing.T) {
	t.Parallel()
	s := newStore(t, zones)
	s.apply("g", []kafka.Record{zone(8, 1, `{"id":1,"borough":"Queens"}`), zone(9, 2, `{"id":2,"borough":"Bronx"}`)})
	applier := apply.New(s.writer, s.declaration, "g")
	if err := applier.Begin(t.Context(), kafka.Assignment{Partition: kafka.Partition{Topic: "east"}}, 0, true); err != nil {
		t.Fatal(err)
	}
	if _, err := applier.Apply(t.Context(), 0, []kafka.Record{zone(0, 1, `{"id":1,"borough":"Harlem"}`)}); err != nil {
		t.Fatal(err)
	}
	if got := s.visible(); got != "Bronx\nHarlem" {
		t.Errorf("readers see %q", got)
	}
}
