package main

type runCommand struct{}
type agentCommand struct{}
type collectorCommand struct{}
type sqlCommand struct{}
type synthCommand struct{}

func (runCommand) Run(*app) error       { return nil }
func (agentCommand) Run(*app) error     { return nil }
func (collectorCommand) Run(*app) error { return nil }
func (sqlCommand) Run(*app) error       { return nil }
func (synthCommand) Run(*app) error     { return nil }
