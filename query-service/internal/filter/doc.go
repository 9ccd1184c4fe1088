// Package filter is the query language of the read models: JSON in, SQL with parameters out.
//
//	{"$filter": {"city": "Lagos", "fare": {"$gte": 10, "$lt": 20}, "$or": [{"tip": null}, {"tip": {"$lt": 1}}]},
//	 "$order_by": {"fare": "desc"}, "$limit": 20, "$skip": 0, "$after": "…"}
//
//	query     = { $filter? $order_by? $limit? $skip? | $after? }     an empty body is an empty query
//	$filter   = { (column: value | column: { operator: value … } | $and: [filter …] | $or: [filter …] | $not: filter) … }
//	operator  = $eq $ne $lt $lte $gt $gte                            null only with $eq and $ne
//	          | $in: [value …]
//	          | $contains                                            text: this part, in whatever case; jsonb: @>
//	          | $matches_any $matches_all: "words" | ["words" …]     text: any, all of the words, whole and in whatever case
//
// What stands beside each other in an object must hold all together. A comparison with null is never true, and $not and
// $ne are true exactly where what they deny is not, so that no row is in neither answer.
//
// The package promises that what is not understood is a fault that names the place, such as $filter.fare.$gt, that no
// value of a client becomes SQL, and that a condition that a large table has no index for can be told before it is run.
// It asks nothing itself: package read runs what it makes.
package filter
