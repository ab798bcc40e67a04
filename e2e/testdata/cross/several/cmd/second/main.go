package main

func main() { println("eral") }
