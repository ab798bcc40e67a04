package main

func main() { print("sev") }
