import Foundation
import HDF5
import TestSupport
import Testing

/// Golden vectors as arrays hold what the HDF5 file of the same run holds, dataset by dataset.
@Suite(.timeLimit(.minutes(30))) struct GoldenArrayTests {
  /// The files in an archive in which nothing is compressed, by the format's local headers: 30 bytes, the name, the file.
  private func members(_ archive: Data) throws -> [String: Data] {
    var rest = archive[...]
    var members: [String: Data] = [:]
    func number(_ offset: Int, _ count: Int) -> Int {
      (0..<count).reversed().reduce(0) { $0 << 8 | Int(rest[rest.startIndex + offset + $1]) }
    }
    while rest.count > 30, number(0, 4) == 0x0403_4B50 {
      let (nameLength, size) = (number(26, 2), number(18, 4))
      let bytes = rest.dropFirst(30 + number(28, 2))
      members[String(decoding: bytes.prefix(nameLength), as: UTF8.self)] = Data(
        bytes.dropFirst(nameLength).prefix(size))
      rest = bytes.dropFirst(nameLength + size)
    }
    return members
  }

  /// The paths of all datasets below a group.
  private func datasets(_ group: Group, _ path: String = "") throws -> [String] {
    try group.links().flatMap { link in
      let name = path.isEmpty ? link.name : "\(path)/\(link.name)"
      return link.kind == .group ? try datasets(group.group(link.name), name) : [name]
    }
  }

  /// The table has the sizes of up to four batches, and of more their number and size, so that a number alone is a size.
  @Test(
    arguments: [("all", "8"), ("4", "4, 4"), ("3", "3, 3, 2"), ("2", "2, 2, 2, 2"), ("1", "8 × 1")]
      as [(String, String)])
  func batchesAreListed(size: String, batches: String) throws {
    let program = try Program()
    try program.make { try $0.createGroup("layer").addTensors([8, 2, 2]) }
    let result = try program.run(
      "verify", "--write-golden", "golden.h5", "--in", "in.h5", "--batch-size", size)
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
    let lines = result.output.split(separator: "\n")
    #expect(lines.contains { $0.hasPrefix("/layer ") && $0.hasSuffix("  float64  \(batches)") }, "\(lines)")
  }

  /// Of more than four the last one may be smaller; where others differ, offsets divide the samples.
  @Test(
    arguments: [([0, 2, 4, 6, 8, 9], "5 × 2"), ([0, 1, 4, 6, 8, 9], "5 by offsets")] as [([Double], String)])
  func manyBatchesAreCounted(offsets: [Double], batches: String) throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([9, 2, 2])
      try layer.add("batch_offsets", offsets, type: .int64)
    }
    let result = try program.run("verify", "--write-golden", "golden.h5", "--in", "in.h5")
    let lines = result.output.split(separator: "\n")
    #expect(lines.contains { $0.hasPrefix("/layer ") && $0.hasSuffix("  float64  \(batches)") }, "\(result)")
  }

  /// Layers whose names differ in nothing that a file's name may have: each has arrays of its own.
  @Test func layersOfNearlyOneName() throws {
    let program = try Program()
    let names = ["a/b", "a_b", "a.b", "a b", "é", "ü"]
    try program.make { root in
      for (index, name) in names.enumerated() {
        let layer = try root.descendant(name) as Group
        try layer.add("activations", (0..<6).map { Double(10 * index + $0) }, shape: [3, 2])
      }
    }
    let made = try program.run(
      "verify", "--write-golden", "golden.h5", "--golden-arrays", "golden.npz", "--in", "in.h5")
    #expect(made.exitCode == 0, "\(made.error)")
    let found = try members(Data(contentsOf: URL(fileURLWithPath: program.path("golden.npz"))))
    let index = try #require(found["index.json"])
    let layers = try #require(try JSONSerialization.jsonObject(with: index) as? [[String: Any]])
    #expect(Set(layers.compactMap { $0["path"] as? String }) == Set(names.map { "/\($0)" }))
    var files: [String] = []
    for layer in layers {
      for array in try #require(layer["arrays"] as? [[String: Any]]) {
        let (name, file) = (try #require(array["name"] as? String), try #require(array["file"] as? String))
        files.append(file)
        // Behind a header of 128 bytes, or 64.
        guard name == "activations",
          let number = names.firstIndex(where: { "/\($0)" == layer["path"] as? String })
        else { continue }
        let numbers = try #require(found[file]).suffix(6 * 8)
        let bits = (0..<8).reduce(UInt64(0)) {
          $0 | UInt64(numbers[numbers.startIndex + $1]) << UInt64(8 * $1)
        }
        #expect(Double(bitPattern: bits) == Double(10 * number), "\(file)")
      }
    }
    #expect(Set(files).count == files.count && Set(files + ["index.json"]) == Set(found.keys))
  }

  /// The layers that the index of an archive lists.
  private func index(_ members: [String: Data]) throws -> [[String: Any]] {
    let index = try #require(members["index.json"])
    return try #require(try JSONSerialization.jsonObject(with: index) as? [[String: Any]])
  }

  /// The numbers of an array, of the type that the header before them says.
  private func numbers(_ array: Data) throws -> [Double] {
    let bytes = [UInt8](array)
    try #require(bytes.count >= 64 && Array(bytes[1..<6]) == Array("NUMPY".utf8))
    let start = 10 + Int(bytes[8]) + 256 * Int(bytes[9])
    let header = String(decoding: bytes[10..<start], as: UTF8.self)
    let width = header.contains("'descr': '<f4'") ? 4 : 8
    return stride(from: start, to: bytes.count, by: width).map { (place: Int) -> Double in
      var bits: UInt64 = 0
      for byte in (0..<width).reversed() { bits = bits << 8 | UInt64(bytes[place + byte]) }
      if width == 4 { return Double(Float(bitPattern: UInt32(bits))) }
      return header.contains("'descr': '<i8'")
        ? Double(Int64(bitPattern: bits)) : Double(bitPattern: bits)
    }
  }

  /// Also numbers that float32 does not hold, beside tensors of float32.
  @Test func numbersAreThoseOfTheFile() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([6, 2], type: .float32)
      try layer.add("gamma", [0.1, 1.7])
      try layer.add("beta", [0.3, -0.9])
    }
    let made = try program.run(
      "verify", "--write-golden", "golden.h5", "--golden-arrays", "golden.npz", "--in", "in.h5",
      "--batch-size", "4")
    #expect(made.exitCode == 0, "\(made.error)")
    let found = try members(Data(contentsOf: URL(fileURLWithPath: program.path("golden.npz"))))
    let root = try program.root("golden.h5")
    let layer = try #require(try index(found).first)
    var types: [String: String] = [:]
    for array in try #require(layer["arrays"] as? [[String: Any]]) {
      let name = try #require(array["name"] as? String)
      types[name] = array["type"] as? String
      let file = try #require(array["file"] as? String)
      let own = name.hasPrefix("expected/") ? "expected/layer\(name.dropFirst(8))" : "layer/\(name)"
      let numbers = try numbers(#require(found[file]))
      #expect(try numbers == root.dataset(own).readDoubles(), "\(own)")
    }
    let some = [
      "activations": "float32", "grad_output": "float32", "gamma": "float64", "beta": "float64",
      "batch_offsets": "int64", "expected/output": "float64", "expected/batches/count": "int64",
      "expected/batches/mean": "float64", "expected/folded/scale": "float64",
    ]
    for (name, type) in some { #expect(types[name] == type, "\(name)") }
  }

  /// What results depend on stands beside them as it was asked for.
  @Test(
    arguments: [
      (["--momentum", "0.5", "--running-variance", "biased"], 0.5, "biased", "batch"),
      (["--momentum", "none", "--statistics", "running"], nil, "unbiased", "running"),
      ([], 0.1, "unbiased", "batch"),
    ] as [([String], Double?, String, String)])
  func theIndexHasTheSettings(
    options: [String], momentum: Double?, runningVariance: String, statistics: String
  ) throws {
    let program = try Program()
    let made = try program.run(
      [
        "verify", "--write-golden", "golden.h5", "--golden-arrays", "golden.npz", "--golden-samples", "4",
        "--golden-features", "2", "--epsilon", "0.25",
      ] + options)
    #expect(made.exitCode == 0, "\(made.error)")
    let found = try members(Data(contentsOf: URL(fileURLWithPath: program.path("golden.npz"))))
    for (name, axis) in [("uneven_batches", 1), ("channels_last", 3)] {
      let layer = try #require(try index(found).first { $0["path"] as? String == "/\(name)" })
      #expect(layer["case"] as? String == name && layer["feature_axis"] as? Int == axis)
      #expect(layer["epsilon"] as? Double == 0.25 && layer["momentum"] as? Double == momentum)
      #expect((layer["momentum"] == nil) == (momentum == nil))
      #expect(layer["running_variance"] as? String == runningVariance)
      #expect(layer["statistics"] as? String == statistics)
    }
  }

  @Test(arguments: [[], ["--momentum", "none"], ["--statistics", "running"]])
  func areTheDatasetsOfTheFile(options: [String]) throws {
    let program = try Program()
    let made = try program.run(
      ["verify", "--write-golden", "golden.h5", "--golden-arrays", "golden.npz"] + options)
    #expect(made.exitCode == 0, "\(made.error)")
    var found = try members(Data(contentsOf: URL(fileURLWithPath: program.path("golden.npz"))))
    let entry = found.removeValue(forKey: "index.json")
    let index = try #require(entry)
    let root = try File(reading: program.path("golden.h5")).root
    // /expected/case/output is case/expected/output.npy, and /case/gamma is case/gamma.npy.
    let paths = try datasets(root)
    let expected = paths.map { path in
      var names = path.split(separator: "/").map(String.init)
      if names[0] == "expected" { names.swapAt(0, 1) }
      return names.joined(separator: "/") + ".npy"
    }
    #expect(expected.contains { $0.hasSuffix("/batch_offsets.npy") } && expected.count > 100)
    #expect(Set(found.keys) == Set(expected))
    // The index lists them all, each with its shape.
    let layers = try #require(try JSONSerialization.jsonObject(with: index) as? [[String: Any]])
    var listed: Set<String> = []
    for layer in layers {
      let path = try #require(layer["path"] as? String)
      for array in try #require(layer["arrays"] as? [[String: Any]]) {
        let (name, file) = (try #require(array["name"] as? String), try #require(array["file"] as? String))
        listed.insert(file)
        let own = name.hasPrefix("expected/") ? "/expected\(path)\(name.dropFirst(8))" : "\(path)/\(name)"
        var group = root
        let names = own.split(separator: "/").map(String.init)
        for name in names.dropLast() { group = try group.group(name) }
        #expect(try array["shape"] as? [Int] == group.dataset(names.last!).shape, "\(own)")
      }
    }
    #expect(listed == Set(expected))
  }
}
