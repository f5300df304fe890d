import Foundation
import HDF5
import TestSupport

extension Program {
  /// Writes an HDF5 file into the folder.
  func make(_ name: String = "in.h5", _ build: (Group) throws -> Void) throws {
    let file = try File(anew: path(name))
    try build(file.root)
    try file.close()
  }

  /// Writes what `Group.addForeign` points to: the integers 0, 2, 4 and nine more.
  func writeForeignNumbers() throws {
    let numbers: [Int64] = [0, 2, 4, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    let bytes = numbers.withUnsafeBytes { Data($0) }
    try bytes.write(to: folder.appending(path: "raw.bin"))
    try make("raw.h5") { try $0.add("x", numbers.map { Double($0) }, type: .int64) }
  }

  /// How many bytes a file in the folder has; 0 if there is none.
  func byteCount(_ name: String) -> Int {
    (try? FileManager.default.attributesOfItem(atPath: path(name))[.size] as? Int) ?? 0
  }

  /// Changes bytes of a file in the folder, as damage does.
  func damage(_ name: String = "in.h5", _ change: (inout Data) throws -> Void) throws {
    let url = folder.appending(path: name)
    var bytes = try Data(contentsOf: url)
    try change(&bytes)
    try bytes.write(to: url)
  }

  /// Makes in.h5 with so many layers that a line for each does not fit into a pipe.
  func makeManyLayers() throws {
    try make { root in
      for index in 0..<50 {
        let name = "layer\(index)-" + String(repeating: "x", count: 2000)
        try root.createGroup(name).add("activations", [1, 2, 3, 4], shape: [2, 2])
      }
    }
  }

  /// Runs the program on an input of `makeManyLayers`, does something in the middle of the run, and lets it go on.
  ///
  /// The program is made to say more than a pipe holds, which nobody reads until then: it cannot reach its end.
  /// - Returns: of what it says, the last line only.
  func run(_ arguments: [String], meanwhile: (Process) throws -> Void) throws -> Result {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = Self.executable
    process.arguments = arguments + ["--verbose"]
    process.currentDirectoryURL = folder
    process.standardInput = FileHandle.nullDevice
    let output = folder.appending(path: "standard-output")
    try Data().write(to: output)
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = pipe
    try process.run()
    // It says much as soon as it has begun its output; a pipe of 16 pages may have a page for each line.
    var waiting: Int32 = 0
    while process.isRunning, waiting < 16 * 2000 {
      Thread.sleep(forTimeInterval: 0.001)
      _ = ioctl(pipe.fileHandleForReading.fileDescriptor, UInt(FIONREAD), &waiting)
    }
    try meanwhile(process)
    // A signal that is still on its way would come after the end.
    wait { !hasPendingSignals(process.processIdentifier) }
    Thread.sleep(forTimeInterval: 0.1)
    if let worker = worker(of: process) { wait { !hasPendingSignals(worker) } }
    let text = String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    return Result(
      exitCode: process.terminationStatus, output: try String(contentsOf: output, encoding: .utf8),
      error: lines.drop { $0.hasPrefix("debug: ") }.joined(separator: "\n"))
  }

  /// The text that a running program has written to standard error so far.
  var errorSoFar: String {
    (try? String(contentsOf: folder.appending(path: "standard-error"), encoding: .utf8)) ?? ""
  }
}

extension Group {
  /// The group at a path below this one, which is created where it is missing.
  func descendant(_ path: String) throws -> Group {
    var group = self
    for name in path.split(separator: "/").map(String.init) {
      group = try group.hasLink(name) ? group.group(name) : group.createGroup(name)
    }
    return group
  }

  /// Adds a dataset with its numbers.
  @discardableResult
  func add(
    _ name: String, _ values: [Double], shape: [Int]? = nil, type: NumericType.Kind = .float64,
    storage: StorageRequest = .contiguous
  ) throws -> Dataset {
    let dataset = try createDataset(
      name, type: .native(type), shape: shape ?? [values.count], storage: storage)
    try dataset.writeDoubles(values)
    return dataset
  }

  /// Adds activations, and gradients if asked for: numbers about 1 of which no two are alike.
  func addTensors(_ shape: [Int], gradient: Bool = true, type: NumericType.Kind = .float64) throws {
    try add("activations", Self.numbers(shape, seed: 1), shape: shape, type: type)
    if gradient { try add("grad_output", Self.numbers(shape, seed: 2), shape: shape, type: type) }
  }

  /// Adds given statistics, [C] each.
  func addRunningStatistics(_ mean: [Double], _ variance: [Double]) throws {
    try add("running_mean", mean)
    try add("running_var", variance)
  }

  /// Numbers between 0 and 3 that are exact in float16.
  static func numbers(_ shape: [Int], seed: Int) -> [Double] {
    (0..<shape.reduce(1, *)).map { Double(($0 * 37 * seed + 11 * $0 * $0 + seed) % 193) / 64 }
  }
}
