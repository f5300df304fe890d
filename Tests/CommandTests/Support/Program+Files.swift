import Foundation
import HDF5

extension Program {
  /// Writes an HDF5 file into the folder.
  func make(_ name: String = "in.h5", _ build: (Group) throws -> Void) throws {
    let file = try File(creating: path(name))
    try build(file.root)
    try file.close()
  }

  /// Changes bytes of a file in the folder, as damage does.
  func damage(_ name: String = "in.h5", _ change: (inout Data) throws -> Void) throws {
    let url = folder.appending(path: name)
    var bytes = try Data(contentsOf: url)
    try change(&bytes)
    try bytes.write(to: url)
  }

  /// Starts the program and returns as soon as it has begun its output.
  func startUntilBegun(_ arguments: [String]) throws -> Process {
    let process = try start(arguments)
    while process.isRunning, try !files.contains(where: { $0.hasSuffix(".partial") }) {
      Thread.sleep(forTimeInterval: 0.001)
    }
    return process
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

  /// Numbers between 0 and 3 that are exact in float16.
  static func numbers(_ shape: [Int], seed: Int) -> [Double] {
    (0..<shape.reduce(1, *)).map { Double(($0 * 37 * seed + 11 * $0 * $0 + seed) % 193) / 64 }
  }
}
