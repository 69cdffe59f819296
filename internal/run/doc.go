// Package run holds what every Earshot process needs whatever it does:
// configuration, logging, the metrics registry, health and the HTTP server
// that tells both, the order in which components start and stop, and the
// progress line of long work. It knows nothing about packets or calls.
package run
