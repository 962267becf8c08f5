// Command rig runs simulated Talos machines on loopback addresses.
package main

func main() {}
