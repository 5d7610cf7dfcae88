import OroIPC

// Foundation has types of these names, too.
typealias Host = OroIPC.Host
typealias Result = OroIPC.Result
