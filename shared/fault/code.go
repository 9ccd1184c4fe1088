package fault

// Code names one way to fail. Codes are part of the interface: they are never renamed, and docs/errors.md lists each.
type Code string

// The codes.
const (
	CodeInvalidTimestamp      Code = "invalid-timestamp"
	CodeInvalidID             Code = "invalid-id"
	CodeInvalidCorrelationID  Code = "invalid-correlation-id"
	CodeInvalidIdempotencyKey Code = "invalid-idempotency-key"
	CodeInvalidParameter      Code = "invalid-parameter"
	CodeInvalidPageToken      Code = "invalid-page-token"
	CodeInvalidPosition       Code = "invalid-position"
	CodeInvalidQuery          Code = "invalid-query"
	CodeMissingIndex          Code = "missing-index"
	CodeBrokenRequest         Code = "broken-request"
	CodeBodyTooLarge          Code = "body-too-large"
	CodeNoRoute               Code = "no-route"
	CodeMethodNotAllowed      Code = "method-not-allowed"
	CodeNotFound              Code = "not-found"
	CodeNoSuchCommand         Code = "no-such-command"
	CodeNoSuchVersion         Code = "no-such-version"
	CodeVersionDropped        Code = "version-dropped"
	CodePositionNotReached    Code = "position-not-reached"
	CodeTooManyInFlight       Code = "too-many-in-flight"
	CodeTooManyWaiting        Code = "too-many-waiting"
	CodeTooManyQueries        Code = "too-many-queries"
	CodeQueryTooSlow          Code = "query-too-slow"
	CodeShuttingDown          Code = "shutting-down"
	CodeOutcomeUnknown        Code = "outcome-unknown"
	CodeBrokerAway            Code = "broker-away"
	CodeDatabaseAway          Code = "database-away"
	CodeReadModelMissing      Code = "read-model-missing"
	CodeUndecodable           Code = "undecodable"
	CodeMissingField          Code = "missing-field"
	CodeImpossibleValue       Code = "impossible-value"
	CodeKeyMismatch           Code = "key-mismatch"
	CodeRefusedByDatabase     Code = "refused-by-database"
	CodeBehindParked          Code = "behind-parked"
	CodeDiscarded             Code = "discarded"
	CodeFenced                Code = "fenced"
	CodeHeld                  Code = "held"
	CodeBuildStopped          Code = "build-stopped"
	CodeMisconfigured         Code = "misconfigured"
	CodeLostHistory           Code = "lost-history"
	CodeInternal              Code = "internal"
)

// Meaning is what a code stands for.
type Meaning struct {
	Kind  Kind
	Title string // the title of the problem document (RFC 9457, section 3.1.3): the same for every occurrence
}

// Codes maps every code to its meaning.
var Codes = map[Code]Meaning{
	CodeInvalidTimestamp:      {Invalid, "The timestamp is not acceptable"},
	CodeInvalidID:             {Invalid, "The id is not a UUID"},
	CodeInvalidCorrelationID:  {Invalid, "The correlationId header is not a UUID"},
	CodeInvalidIdempotencyKey: {Invalid, "The Idempotency-Key is not acceptable"},
	CodeInvalidParameter:      {Invalid, "A parameter is not acceptable"},
	CodeInvalidPageToken:      {Invalid, "The page token is not acceptable"},
	CodeInvalidPosition:       {Invalid, "The position is not acceptable"},
	CodeInvalidQuery:          {Invalid, "The query is not acceptable"},
	CodeMissingIndex:          {Invalid, "The query needs an index"},
	CodeBrokenRequest:         {Invalid, "The request cannot be read"},
	CodeBodyTooLarge:          {TooLarge, "The body is too large"},
	CodeNoRoute:               {NotFound, "There is nothing at this address"},
	CodeMethodNotAllowed:      {NotAllowed, "The method is not allowed here"},
	CodeNotFound:              {NotFound, "Not there, or not yet"},
	CodeNoSuchCommand:         {NotFound, "There never was such a command"},
	CodeNoSuchVersion:         {NotFound, "There is no such version"},
	CodeVersionDropped:        {Gone, "The version was dropped"},
	CodePositionNotReached:    {Busy, "The read model has not come to the position yet"},
	CodeTooManyInFlight:       {Busy, "Too many commands are in flight"},
	CodeTooManyWaiting:        {Busy, "Too many requests are waiting"},
	CodeTooManyQueries:        {Busy, "Too many queries are under way"},
	CodeQueryTooSlow:          {Busy, "The query took too long"},
	CodeShuttingDown:          {Busy, "This process is shutting down"},
	CodeOutcomeUnknown:        {Unconfirmed, "The outcome is unknown"},
	CodeBrokerAway:            {Away, "Kafka cannot be reached"},
	CodeDatabaseAway:          {Away, "PostgreSQL cannot be used just now"},
	CodeReadModelMissing:      {Away, "The read model is not there yet"},
	CodeUndecodable:           {Unappliable, "The record is not what the topic holds"},
	CodeMissingField:          {Unappliable, "The record lacks a field"},
	CodeImpossibleValue:       {Unappliable, "The record holds an impossible value"},
	CodeKeyMismatch:           {Unappliable, "The record's key and value name different things"},
	CodeRefusedByDatabase:     {Unappliable, "PostgreSQL refuses the record's values"},
	CodeBehindParked:          {Unappliable, "An earlier record of its key is parked"},
	CodeDiscarded:             {Unappliable, "Somebody decided that the record shall not apply"},
	CodeFenced:                {Fenced, "Another consumer moved the checkpoint"},
	CodeHeld:                  {Away, "The version is held where it is for a while"},
	CodeBuildStopped:          {Misconfigured, "A record that the serving version applied cannot apply to the version that is being built"},
	CodeMisconfigured:         {Misconfigured, "The service is misconfigured"},
	CodeLostHistory:           {LostHistory, "Records that are still needed are gone from the topic"},
	CodeInternal:              {Internal, "Internal error"},
}

// Kind returns the code's kind; a code that is in no table is Internal.
func (c Code) Kind() Kind { return Codes[c].Kind }

// Title returns the code's title, the same for every occurrence.
func (c Code) Title() string { return Codes[c].Title }
