package fault_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/counterfoil/counterfoil/shared/fault"
)

// constants returns the names of a file's constants that begin with prefix, with their values where they are strings.
func constants(t *testing.T, file, prefix string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) || len(spec.Values) != 1 {
			return true
		}
		if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
			value, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			found[spec.Names[0].Name] = value
		}
		return true
	})
	return found
}

func TestCodes_EachHasAMeaning(t *testing.T) {
	t.Parallel()
	declared := constants(t, "code.go", "Code")
	if len(declared) == 0 || len(declared) != len(fault.Codes) {
		t.Errorf("%d codes are declared, %d have a meaning", len(declared), len(fault.Codes))
	}
	form := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	for name, text := range declared {
		code := fault.Code(text)
		meaning, ok := fault.Codes[code]
		if !ok || meaning.Title == "" {
			t.Errorf("%s has no meaning", name)
		}
		if strings.HasSuffix(meaning.Title, ".") || strings.ToUpper(meaning.Title[:1]) != meaning.Title[:1] {
			t.Errorf("%s: the title %q is not a title", name, meaning.Title)
		}
		if !form.MatchString(text) {
			t.Errorf("%s is %q, which is not a code", name, text)
		}
		if code.Kind() != meaning.Kind || code.Title() != meaning.Title {
			t.Errorf("%s: kind %d, title %q", name, code.Kind(), code.Title())
		}
		if code != fault.CodeInternal && meaning.Kind == fault.Internal {
			t.Errorf("%s is internal", name)
		}
	}
}

// The consequences of each kind. A kind that is not here fails the test: whoever adds one decides what follows from it.
func TestKinds_EachHasItsConsequences(t *testing.T) {
	t.Parallel()
	want := []struct {
		kind      fault.Kind
		status    int
		treatment fault.Treatment
	}{
		{fault.Internal, http.StatusInternalServerError, fault.Stop},
		{fault.Invalid, http.StatusBadRequest, fault.Park},
		{fault.NotFound, http.StatusNotFound, fault.Stop},
		{fault.Gone, http.StatusGone, fault.Stop},
		{fault.NotAllowed, http.StatusMethodNotAllowed, fault.Stop},
		{fault.TooLarge, http.StatusRequestEntityTooLarge, fault.Park},
		{fault.Busy, http.StatusServiceUnavailable, fault.Wait},
		{fault.Unconfirmed, http.StatusServiceUnavailable, fault.Wait},
		{fault.Away, http.StatusServiceUnavailable, fault.Wait}, // G5: nothing is parked for that
		{fault.Unappliable, http.StatusUnprocessableEntity, fault.Park},
		{fault.Fenced, http.StatusConflict, fault.Reload},
		{fault.Misconfigured, http.StatusServiceUnavailable, fault.Stop},
		{fault.LostHistory, http.StatusServiceUnavailable, fault.Stop},
	}
	for i, w := range want {
		if int(w.kind) != i {
			t.Errorf("the table has kind %d at place %d", w.kind, i)
		}
		if w.kind.HTTPStatus() != w.status || w.kind.Treatment() != w.treatment {
			t.Errorf("kind %d: status %d, treatment %d; want %d, %d", w.kind, w.kind.HTTPStatus(), w.kind.Treatment(), w.status, w.treatment)
		}
	}
	for code := range fault.Codes {
		if int(code.Kind()) >= len(want) {
			t.Errorf("code %s has kind %d, whose consequences nobody decided", code, code.Kind())
		}
	}
}

// What nobody classified is internal, stops the partition, and its text stays hidden.
func TestOf_AnUnclassifiedErrorIsInternal(t *testing.T) {
	t.Parallel()
	cause := errors.New("password=hunter2")
	f := fault.Of(fmt.Errorf("apply: %w", cause))
	if f.Code != fault.CodeInternal || f.Kind() != fault.Internal || f.Kind().Treatment() != fault.Stop {
		t.Errorf("got %+v", f)
	}
	if strings.Contains(f.Message, "hunter2") || !strings.Contains(f.Error(), "hunter2") || !errors.Is(f, cause) {
		t.Errorf("the message is %q, the error %q", f.Message, f.Error())
	}
	if unknown := fault.Code("made-up"); unknown.Kind() != fault.Internal || unknown.Title() != "" {
		t.Errorf("a code that is in no table has kind %d", unknown.Kind())
	}
}

func TestOf_FindsTheFaultInTheChain(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection refused")
	inner := fault.New(fault.CodeBrokerAway, "Kafka cannot be reached.", cause)
	wrapped := fmt.Errorf("publish: %w", errors.Join(errors.New("other"), inner))
	if fault.Of(wrapped) != inner || !errors.Is(wrapped, cause) {
		t.Errorf("got %v", fault.Of(wrapped))
	}
	if got := inner.Error(); got != "Kafka cannot be reached.: connection refused" {
		t.Errorf("got %q", got)
	}
	if got := fault.New(fault.CodeNotFound, "Not there.", nil).Error(); got != "Not there." {
		t.Errorf("got %q", got)
	}
}

func TestIs(t *testing.T) {
	t.Parallel()
	away := fmt.Errorf("read: %w", fault.New(fault.CodeDatabaseAway, "Try again.", nil))
	if !fault.Is(away, fault.Away) || fault.Is(away, fault.Busy) {
		t.Error("it is away, and nothing else")
	}
	if !fault.Is(errors.New("whatever"), fault.Internal) {
		t.Error("what nobody classified is internal")
	}
	if fault.Is(nil, fault.Internal) {
		t.Error("nil is no fault")
	}
}
