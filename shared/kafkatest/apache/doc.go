// Package apache runs real Apache Kafka for tests and benchmarks, with one node
// or with three.
//
// Its jars come from Maven Central by way of the command mvn, once per user; it
// runs on the machine's Java, version 17 or later. The nodes listen on 127.0.0.1
// and die with this process. Every setting that is not the product's default
// stands in settings.go with its reason.
package apache
