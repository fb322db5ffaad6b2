// SPDX-FileCopyrightText: The livemigration.kubevirt authors
// SPDX-License-Identifier: GPL-3.0-or-later

// Controlplane is the control plane of one test bed cluster in one program: the unchanged upstream
// components behind a subcommand each, so that one build and one file in the cache serve them all.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

var components = map[string]func() *cobra.Command{
	"etcd":                    etcdCommand,
	"kube-apiserver":          apiserver.NewAPIServerCommand,
	"kube-controller-manager": controllermanager.NewControllerManagerCommand,
	"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
}

func main() {
	if len(os.Args) < 2 || components[os.Args[1]] == nil {
		fmt.Fprintf(os.Stderr, "usage: %s etcd|kube-apiserver|kube-controller-manager|kube-scheduler [flags]\n",
			filepath.Base(os.Args[0]))
		os.Exit(2)
	}
	command := components[os.Args[1]]()
	// The upstream commands take os.Args as their own, so the subcommand becomes the program's name.
	os.Args = os.Args[1:]
	os.Exit(cli.Run(command))
}
