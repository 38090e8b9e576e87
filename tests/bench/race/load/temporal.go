// SPDX-License-Identifier: Apache-2.0
//go:build temporal

// Temporal's worker and load, by its Go SDK.
//
//	temporal-load worker ADDRESS
//	temporal-load load ADDRESS activity|local ...    ten activities, or ten local activities, a workflow
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

const queue = "chain"

func echo(_ context.Context, d json.RawMessage) (json.RawMessage, error) {
	return d, nil
}

func activities(ctx workflow.Context, d json.RawMessage) (json.RawMessage, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	for range 10 {
		if err := workflow.ExecuteActivity(ctx, echo, d).Get(ctx, &d); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func localActivities(ctx workflow.Context, d json.RawMessage) (json.RawMessage, error) {
	ctx = workflow.WithLocalActivityOptions(ctx, workflow.LocalActivityOptions{StartToCloseTimeout: time.Minute})
	for range 10 {
		if err := workflow.ExecuteLocalActivity(ctx, echo, d).Get(ctx, &d); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func sleep(ctx workflow.Context, _ json.RawMessage) error {
	return workflow.Sleep(ctx, time.Hour)
}

type quiet struct{}

func (quiet) Debug(string, ...any)           {}
func (quiet) Info(string, ...any)            {}
func (quiet) Warn(string, ...any)            {}
func (quiet) Error(msg string, about ...any) { log.Println(append([]any{msg}, about...)...) }

var _ sdklog.Logger = quiet{}

func dial(address string) client.Client {
	c, err := client.Dial(client.Options{HostPort: address, Logger: quiet{}})
	if err != nil {
		log.Fatal(err)
	}
	return c
}

func serve(address string) {
	w := worker.New(dial(address), queue, worker.Options{
		MaxConcurrentWorkflowTaskPollers: 16, MaxConcurrentActivityTaskPollers: 16})
	w.RegisterWorkflow(activities)
	w.RegisterWorkflow(localActivities)
	w.RegisterWorkflow(sleep)
	w.RegisterActivity(echo)
	if err := w.Run(worker.InterruptCh()); err != nil {
		log.Fatal(err)
	}
}

func begin(c client.Client, n uint64, flow any) (client.WorkflowRun, error) {
	return c.ExecuteWorkflow(context.Background(),
		client.StartWorkflowOptions{ID: fmt.Sprintf("run-%d", n), TaskQueue: queue}, flow, json.RawMessage(document(n)))
}

func main() {
	if len(os.Args) == 3 && os.Args[1] == "worker" {
		serve(os.Args[2])
		return
	}
	if len(os.Args) < 5 || os.Args[1] != "load" {
		log.Fatal("see temporal.go")
	}
	flow := any(activities)
	if os.Args[3] == "local" {
		flow = localActivities
	}
	c := dial(os.Args[2])
	load(os.Args[4:], func(n uint64) error {
		var out json.RawMessage
		run, err := begin(c, n, flow)
		if err == nil {
			err = run.Get(context.Background(), &out)
		}
		return err
	}, func(n uint64) error {
		_, err := begin(c, n, sleep)
		return err
	})
}
