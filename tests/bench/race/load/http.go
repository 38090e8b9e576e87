// SPDX-License-Identifier: Apache-2.0
//go:build !temporal

// Load over HTTP.
//
//	load post URL OPEN_URL ...       one POST a chain, answered with its result (Restate's ingress)
//	load states URL MACHINE OPEN ... AWS's JSON protocol: StartExecution, DescribeExecution until it ended
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4096}, Timeout: 5 * time.Minute}

func post(url string, target string, body []byte) ([]byte, error) {
	r, err := http.NewRequest("POST", url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	if target != "" {
		r.Header.Set("Content-Type", "application/x-amz-json-1.0")
		r.Header.Set("X-Amz-Target", "AWSStepFunctions."+target)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/states/"+
			"aws4_request, SignedHeaders=host, Signature=0")
	}
	reply, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer reply.Body.Close()
	out, err := io.ReadAll(reply.Body)
	if err == nil && reply.StatusCode >= 300 {
		err = fmt.Errorf("%s: %d: %.300s", url, reply.StatusCode, out)
	}
	return out, err
}

func postDocument(url string, whole bool) func(uint64) error {
	return func(n uint64) error {
		d := document(n)
		out, err := post(url, "", d)
		if err == nil && whole && len(out) != len(d) {
			err = fmt.Errorf("%s: %d bytes came back of %d", url, len(out), len(d))
		}
		return err
	}
}

func start(url, machine string, n uint64) (string, error) {
	var reply struct{ ExecutionArn string }
	body, _ := json.Marshal(map[string]string{
		"stateMachineArn": machine, "name": fmt.Sprintf("run-%d", n), "input": string(document(n))})
	out, err := post(url, "StartExecution", body)
	if err == nil {
		err = json.Unmarshal(out, &reply)
	}
	return reply.ExecutionArn, err
}

// statesChain asks every 5 ms: the protocol has no call that waits.
func statesChain(url, machine string) func(uint64) error {
	return func(n uint64) error {
		arn, err := start(url, machine, n)
		body, _ := json.Marshal(map[string]string{"executionArn": arn})
		for err == nil {
			var reply struct{ Status string }
			var out []byte
			if out, err = post(url, "DescribeExecution", body); err == nil {
				err = json.Unmarshal(out, &reply)
			}
			if reply.Status == "SUCCEEDED" {
				return nil
			}
			if err == nil && reply.Status != "RUNNING" {
				err = fmt.Errorf("%s: %s", arn, out)
			}
			time.Sleep(5 * time.Millisecond)
		}
		return err
	}
}

func main() {
	switch {
	case len(os.Args) > 4 && os.Args[1] == "post":
		load(os.Args[4:], postDocument(os.Args[2], true), postDocument(os.Args[3], false))
	case len(os.Args) > 5 && os.Args[1] == "states":
		load(os.Args[5:], statesChain(os.Args[2], os.Args[3]), func(n uint64) error {
			_, err := start(os.Args[2], os.Args[4], n)
			return err
		})
	default:
		log.Fatal("see http.go")
	}
}
