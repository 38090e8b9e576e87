// SPDX-License-Identifier: Apache-2.0
// One client's load, as every contestant meets it: so many in flight, a while to warm up, then a
// window that counts. "begin" on stdout says that the window opens, and a line of JSON what it saw;
// who reads them takes the processes' CPU time at both. A chain that fails ends the program.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// document is a JSON document of 1,024 bytes, another one for each number.
func document(number uint64) []byte {
	const size = 1024
	var b bytes.Buffer
	b.WriteString("{")
	for i := uint64(0); ; i++ {
		member := fmt.Sprintf(`"member%02d":{"id":%d,"text":"something"},`, i, number*100+i)
		if b.Len()+len(member)+len(`"fill":""}`) > size {
			break
		}
		b.WriteString(member)
	}
	fmt.Fprintf(&b, `"fill":"%s"}`, strings.Repeat("x", size-b.Len()-len(`"fill":""}`)))
	return b.Bytes()
}

type report struct {
	Chains  int     `json:"chains"`
	Seconds float64 `json:"seconds"`
	P50     float64 `json:"p50_ms"`
	P99     float64 `json:"p99_ms"`
}

func say(v any) {
	line, _ := json.Marshal(v)
	fmt.Println(string(line))
}

// chains runs one() in inFlight goroutines and prints what a window of `seconds` saw.
func chains(inFlight int, warm, seconds float64, one func(number uint64) error) {
	var next atomic.Uint64
	var lock sync.Mutex
	var took []float64
	var stop, counting atomic.Bool
	var running sync.WaitGroup

	next.Store(uint64(time.Now().UnixNano()))
	for range inFlight {
		running.Add(1)
		go func() {
			defer running.Done()
			for !stop.Load() {
				begun := time.Now()
				if err := one(next.Add(1)); err != nil {
					log.Fatal(err)
				}
				if counting.Load() {
					lock.Lock()
					took = append(took, float64(time.Since(begun).Microseconds())/1e3)
					lock.Unlock()
				}
			}
		}()
	}
	time.Sleep(time.Duration(warm * 1e9))
	counting.Store(true)
	begun := time.Now()
	fmt.Println("begin")
	time.Sleep(time.Duration(seconds * 1e9))
	counting.Store(false)
	r := report{Seconds: time.Since(begun).Seconds()}
	lock.Lock()
	sort.Float64s(took)
	r.Chains = len(took)
	if r.Chains > 0 {
		r.P50, r.P99 = took[len(took)/2], took[len(took)*99/100]
	}
	lock.Unlock()
	say(r)
	stop.Store(true)
	running.Wait()
}

// open starts `count` executions that wait, 64 at a time, and stops after `seconds`.
func open(count int, seconds float64, one func(number uint64) error) {
	var started atomic.Int64
	var running sync.WaitGroup
	begun := time.Now()
	base := uint64(begun.UnixNano())

	for range 64 {
		running.Add(1)
		go func() {
			defer running.Done()
			for time.Since(begun).Seconds() < seconds {
				n := started.Add(1)
				if n > int64(count) {
					return
				}
				if err := one(base + uint64(n)); err != nil {
					log.Fatal(err)
				}
			}
		}()
	}
	running.Wait()
	say(map[string]any{"opened": min(started.Load(), int64(count)), "seconds": time.Since(begun).Seconds()})
}

func number(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		log.Fatal(err)
	}
	return n
}

// load dispatches "chain IN_FLIGHT WARM SECONDS" and "open COUNT SECONDS".
func load(args []string, chain, sleep func(number uint64) error) {
	switch {
	case len(args) == 4 && args[0] == "chain":
		chains(int(number(args[1])), number(args[2]), number(args[3]), chain)
	case len(args) == 3 && args[0] == "open":
		open(int(number(args[1])), number(args[2]), sleep)
	default:
		fmt.Fprintln(os.Stderr, "chain IN_FLIGHT WARM SECONDS | open COUNT SECONDS")
		os.Exit(2)
	}
}
