// Package group is a worker's membership in the group of workers (protocol type
// "connect"): what it says when it joins, what the leader answers, and who gets
// which work.
//
//	codec.go   the bytes of JoinGroup and SyncGroup, versions 0 to 2
//	eager.go   the protocol "default": everything is dealt out anew
//	member.go  the callbacks of kafka.Group
//
// Only "default" is offered for now. A further protocol is one more Assignor in
// the list of a Member: JoinGroup then offers it in front of "default", the
// brokers choose the best one that all members know, and Assign and Decode follow
// their choice. The codec knows the versions of the others already.
//
// The package does not know tasks or workers; runtime/herder is where membership
// meets work.
package group
