package main

import (
	"os"
	"slices"

	"github.com/earshot-voip/earshot/agent/capture"
)

// input is the captures that a command reads: files that are merged, or a series.
type input struct {
	source capture.Source
	files  []*capture.File
	series *capture.Series // nil where every path is a file, and none is followed
	follow bool
}

// openInput opens what the paths name: files, standard input, directories.
func (a *app) openInput(paths []string, follow bool) (*input, error) {
	series := follow
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.IsDir() {
			series = true
		}
	}
	if !series {
		files, source, err := openFiles(paths)
		in := &input{source: source, files: files}
		if err != nil {
			in.Close()
			return nil, err
		}
		return in, nil
	}
	if slices.Contains(paths, "-") {
		return nil, usagef("-: standard input goes neither with directories nor with --follow; it is read until it ends as it is")
	}
	s, err := capture.OpenSeries(capture.SeriesOptions{Paths: paths, Follow: follow, Log: a.log})
	if err != nil {
		return nil, err
	}
	return &input{source: s, series: s, follow: follow}, nil
}

// OnKeyLog has take get the TLS key logs that the captures hold.
func (in *input) OnKeyLog(take func(lines []byte)) {
	for _, f := range in.files {
		f.OnKeyLog(take)
	}
	if in.series != nil {
		in.series.OnKeyLog(take)
	}
}

// drops sums what the captures tell that they lost.
func (in *input) drops() (sum capture.Drops) {
	if in.series != nil {
		sum, _ = in.series.Drops()
	}
	for _, f := range in.files {
		d := f.Drops()
		sum.DroppedKernel += d.DroppedKernel
		sum.DroppedInterface += d.DroppedInterface
	}
	return sum
}

// progress is how many bytes have been read, and of how many; a followed series has
// no end.
func (in *input) progress() (done, size int64) {
	if in.series != nil && !in.follow {
		return in.series.Progress()
	}
	for _, f := range in.files {
		d, s := f.Progress()
		done, size = done+d, size+s
	}
	return done, size
}

// Close closes the captures.
func (in *input) Close() {
	for _, f := range in.files {
		f.Close()
	}
	if in.series != nil {
		in.series.Close()
	}
}
