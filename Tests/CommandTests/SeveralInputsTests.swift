import Foundation
import HDF5
import TestSupport
import Testing

/// What is said of several input files, beside the results, which are those of one: it is about all of them.
@Suite(.timeLimit(.minutes(30))) struct SeveralInputsTests {
  private static let names = ["a.h5", "b.h5", "c.h5"]

  /// Three files of a layer, changed at times that are said, in seconds since 1970.
  private func makeFiles(
    _ program: Program, times: [Int] = [1_000_000_000, 1_000_000_002, 1_000_000_001],
    _ build: (_ file: Int, Group) throws -> Void = { _, _ in }
  ) throws {
    for (index, name) in Self.names.enumerated() {
      try program.make(name) { root in
        try root.createGroup("layer").addTensors([3 + 2 * index, 3])
        try build(index, root)
      }
      try set(times[index], program, name)
    }
  }

  private func set(_ time: Int, _ program: Program, _ name: String) throws {
    var times = [timespec(tv_sec: 0, tv_nsec: 0), timespec(tv_sec: time, tv_nsec: 123_456_789)]
    try #require(utimensat(AT_FDCWD, program.path(name), &times, 0) == 0)
  }

  @Test func theOutputSaysWhatItWasMadeOf() throws {
    let program = try Program()
    try makeFiles(program) { file, root in
      // Each file has another size.
      if file > 0 { try root.add("more", Array(repeating: 1, count: 100 * file)) }
    }
    let sizes = try Self.names.map {
      try FileManager.default.attributesOfItem(atPath: program.path($0))[.size] as? Int ?? 0
    }
    #expect(Set(sizes).count == 3)
    #expect(try program.run(["--in"] + Self.names + ["--out", "out.h5"]).exitCode == 0)
    let root = try File(reading: program.path("out.h5")).root
    #expect(try root.readInteger(attribute: "input_size") == sizes.reduce(0, +))
    // Of the second, which was changed last.
    #expect(try root.readString(attribute: "input_modified") == "2001-09-09T01:46:42.123456789Z")
    #expect(try root.readInteger(attribute: "input_count") == 3)
    #expect(try root.readString(attribute: "input_paths") == #"["a.h5","b.h5","c.h5"]"#)
  }

  /// Of one file alone its name, size and time say it all.
  @Test func oneFileHasNoChecksum() throws {
    let program = try Program()
    try makeFiles(program)
    #expect(try program.run("--in", "b.h5", "--out", "out.h5").exitCode == 0)
    let root = try File(reading: program.path("out.h5")).root
    #expect(try root.readString(attribute: "input_path") == "b.h5")
    for name in ["input_count", "input_checksum", "input_paths"] {
      let isThere = try root.attributeExists(name)
      #expect(!isThere, "\(name)")
    }
  }

  /// Any file's time or size, and the order of the files, make another checksum, also where sum and latest time stay.
  @Test func theChecksumIsOfEveryFile() throws {
    let program = try Program()
    func checksum(_ names: [String] = Self.names) throws -> String {
      let result = try program.run(["--in"] + names + ["--out", "out.h5", "--force"])
      try #require(result.exitCode == 0)
      let root = try File(reading: program.path("out.h5")).root
      return try #require(try root.readString(attribute: "input_checksum"))
    }
    try makeFiles(program)
    var found = [try checksum()]
    #expect(found[0].wholeMatch(of: #/[0-9a-f]{32}/#) != nil)
    #expect(try checksum() == found[0])
    for (file, name) in Self.names.enumerated() {
      try set(999_999_990 + file, program, name)
      found.append(try checksum())
      // What nobody reads makes the file longer.
      let time = try program.path(name).modified
      let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: program.path(name)))
      try handle.seekToEnd()
      try handle.write(contentsOf: Data([UInt8](repeating: 0, count: 8)))
      try handle.close()
      try set(time, program, name)
      found.append(try checksum())
    }
    found.append(try checksum(["b.h5", "a.h5", "c.h5"]))
    #expect(Set(found).count == found.count)
  }

  /// The same files in another order are another input, though their sizes and times together are the same: an output of those is not this
  /// job's.
  @Test func theOrderIsPartOfTheJob() throws {
    let program = try Program()
    try makeFiles(program)
    func run(_ names: [String]) throws -> Int32 {
      try program.run(["--in"] + names + ["--out", "out.h5", "--resume"]).exitCode
    }
    #expect(try run(Self.names) == 0)
    let bytes = try Data(contentsOf: program.folder.appending(path: "out.h5"))
    #expect(try run(Self.names) == 0)
    #expect(try run(["b.h5", "a.h5", "c.h5"]) == 73 && run(["a.h5", "b.h5"]) == 73)
    #expect(try Data(contentsOf: program.folder.appending(path: "out.h5")) == bytes)
  }

  /// What was never written counts in whichever file it is, in chunks of four samples.
  @Test(arguments: [[4, 12, 0], [12, 8, 12], [0, 0, 4]]) func whatWasNeverWrittenIsCountedInEach(
    written: [Int]
  ) throws {
    let program = try Program()
    for (name, written) in zip(Self.names, written) {
      try program.make(name) { root in
        let dataset = try root.createGroup("layer").createDataset(
          "activations", type: .float32, shape: [12, 3], storage: .chunked(shape: [4, 3], filters: []))
        let values = (0..<3 * written).map { Float($0 * $0 % 7) }
        try values.withUnsafeBytes { try dataset.write(leading: 0..<written, as: .float32, from: $0) }
      }
    }
    let result = try program.run(["--in"] + Self.names + ["--out", "out.h5", "--json"])
    let layers = try #require(try program.object(result)["layers"] as? [[String: Any]])
    #expect(layers.map { $0["never_written_samples"] as? Int } == [36 - written.reduce(0, +)])
  }

  /// Samples that are dropped with an incomplete last batch, here 3 of 15, are in no moment.
  @Test func momentsCountWhatIsKept() throws {
    let program = try Program()
    try makeFiles(program)
    try program.write(
      #"{"outputs": ["moments"], "batch_size": 4, "partial_batch": "drop"}"#, to: "config.json")
    let result = try program.run(["--in"] + Self.names + ["--out", "out.h5", "--config", "config.json"])
    #expect(result.exitCode == 0)
    let moments = try File(reading: program.path("out.h5")).root.group("layer/moments")
    #expect(try moments.readInteger(attribute: "samples") == 12)
    #expect(try moments.dataset("count").readDoubles() == [12, 12, 12])
  }

  /// Each file takes two numbers of open files: more than a process may have at first are asked of the system, and where it has no more, the
  /// command says so before it begins.
  @Test func manyFilesAreOpen() throws {
    let program = try Program()
    let names = (0..<40).map { "in\($0).h5" }
    for name in names {
      try program.make(name) { try $0.createGroup("layer").addTensors([2, 3]) }
    }
    let files = names.joined(separator: " ")
    let soft = try program.run(shell: #"ulimit -S -n 64; exec "$0" --in \#(files) --out out.h5"#)
    #expect(soft.exitCode == 0 && soft.error == "", "\(soft.error)")
    let expected = try Data(contentsOf: program.folder.appending(path: "out.h5"))
    let hard = try program.run(shell: #"ulimit -n 64; exec "$0" --in \#(files) --out new.h5"#)
    #expect(hard.exitCode == 74)
    #expect(
      hard.error
        == "bn-stream: only 64 files may be open at once, which are too few for 40 inputs, or others take them; "
        + "allow more with `ulimit -n 142`\n")
    let enough = try program.run(shell: #"ulimit -n 142; exec "$0" --in \#(files) --out new.h5"#)
    #expect(enough.exitCode == 0, "\(enough.error)")
    #expect(try Data(contentsOf: program.folder.appending(path: "new.h5")) == expected)
    let verify = #"exec "$0" verify --in \#(files) --against out.h5"#
    let verified = try program.run(shell: "ulimit -S -n 64; \(verify)")
    #expect(verified.exitCode == 0 && verified.error == "", "\(verified.error)")
    #expect(try program.run(shell: "ulimit -n 64; \(verify)").error == hard.error)
    try program.write(#"{"outputs": ["moments"]}"#, to: "config.json")
    #expect(try program.run("--in", "in0.h5", "--out", "moments.h5", "--config", "config.json").exitCode == 0)
    var parts: [String] = []
    for name in names {
      parts.append("part-" + name)
      try FileManager.default.copyItem(
        atPath: program.path("moments.h5"), toPath: program.path("part-" + name))
    }
    let merged = try program.run(
      shell: #"ulimit -S -n 64; exec "$0" merge \#(parts.joined(separator: " ")) --out merged.h5"#)
    #expect(merged.exitCode == 0, "\(merged.error)")
  }

  /// Names that are more than an attribute holds are left out; how many files there were is not.
  @Test func manyLongNamesAreLeftOut() throws {
    let program = try Program()
    let folder = String(repeating: "n", count: 250)
    try FileManager.default.createDirectory(
      atPath: program.path(folder), withIntermediateDirectories: false)
    let names = (0..<140).map { folder + "/" + String(repeating: "m", count: 240) + "\($0).h5" }
    #expect(names.reduce(0) { $0 + $1.utf8.count } > 1 << 16)
    for name in names {
      try program.make(name) { try $0.createGroup("layer").addTensors([2, 3]) }
    }
    let result = try program.run(["--in"] + names + ["--out", "out.h5"])
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
    let root = try File(reading: program.path("out.h5")).root
    #expect(try root.readInteger(attribute: "input_count") == 140)
    #expect(try root.readString(attribute: "input_paths") == nil)
    #expect(try root.attributeExists("input_paths") == false)
  }

  /// Every file's warnings are said, whichever comes first, and one that several have once.
  @Test func everyFileIsWarnedOf() throws {
    let program = try Program("mixed/dangling.h5", "mixed/external_many.h5", "mixed/damaged.h5")
    try FileManager.default.copyItem(atPath: program.path("dangling.h5"), toPath: program.path("again.h5"))
    let files = ["dangling.h5", "external_many.h5", "again.h5", "damaged.h5"]
    for first in files.indices {
      let inputs = files[first...] + files[..<first]
      let result = try program.run(["--in"] + inputs + ["--layer", "/good", "--dry-run"])
      #expect(result.exitCode == 0, "\(result.error)")
      let lines = result.error.split(separator: "\n").map(String.init)
      #expect(
        Set(lines) == [
          "warning: passed over 2 links to what is not there: /bad/a (/nowhere), /bad/activations (/good/nowhere)",
          "warning: passed over 5 links into other files, which are not opened: /0 (0.h5:/bn), /1 (1.h5:/bn), /2 (2.h5:/bn) and 2 more",
          "warning: passed over a damaged object that the HDF5 library cannot read: /bad/other",
        ] && lines.count == 3, "\(result.error)")
    }
  }

  /// Numbers of a format that no format here holds exactly are told of in whichever file they are, and once.
  @Test(arguments: [[0], [1], [2], [1, 2], [0, 1, 2]])
  func roundedNumbersOfEachFileAreToldOf(odd: [Int]) throws {
    let program = try Program()
    for (index, name) in Self.names.enumerated() {
      try program.make(name) { root in
        let layer = try root.createGroup("layer")
        if odd.contains(index) {
          try layer.addLongIntegers("activations", Array(1...18), shape: [6, 3])
        } else {
          try layer.add("activations", (1...18).map(Double.init), shape: [6, 3])
        }
      }
    }
    let result = try program.run(["--in"] + Self.names + ["--dry-run"])
    #expect(result.exitCode == 0)
    #expect(
      result.error
        == "warning: the numbers of /layer/activations (128-bit integer) are rounded to float64; convert them yourself for "
        + "another rounding\n")
  }

  /// A dataset that is called nearly so is told of in whichever file it is, and once; not where the first file has what all need.
  @Test(arguments: [[0], [1], [2], [1, 2], [0, 1, 2]]) func slipsOfEachFileAreToldOf(odd: [Int]) throws {
    let program = try Program()
    for (index, name) in Self.names.enumerated() {
      try program.make(name) { root in
        let layer = try root.createGroup("layer")
        try layer.add("activations", (1...18).map(Double.init), shape: [6, 3])
        try layer.add(index == 0 ? "gamma" : "gammas", [1, 1, 1])
        if odd.contains(index) { try layer.add("masks", [1, 1, 1, 1, 1, 1]) }
      }
    }
    let result = try program.run(["--in"] + Self.names + ["--dry-run"])
    #expect(result.exitCode == 0)
    #expect(
      result.error
        == "warning: /layer has no `mask`, but `masks`; if that is it, say so in the configuration: {\"datasets\": {\"mask\": "
        + "\"masks\"}}\n")
  }

  /// A layer, boundaries or a mask that one file has and another lacks is named, whichever of the two comes first.
  @Test(arguments: ["more", "batch_offsets", "mask"], [0, 1, 2])
  func whatOneFileLacksIsNamed(what: String, odd: Int) throws {
    let program = try Program()
    for isMissing in [false, true] {
      try makeFiles(program) { file, root in
        guard (file == odd) != isMissing else { return }
        switch what {
        case "more": try root.createGroup("more").addTensors([4, 3])
        case "mask": try root.group("layer").add("mask", Array(repeating: 1, count: 3 + 2 * file))
        default: try root.group("layer").add("batch_offsets", [0, Double(3 + 2 * file)], type: .int64)
        }
      }
      let result = try program.run(["--in"] + Self.names + ["--out", "out.h5", "--force"])
      #expect(result.exitCode == 65, "\(result.error)")
      #expect(try !program.files.contains("out.h5"))
    }
  }
}

extension String {
  /// When the file was changed, in seconds since 1970.
  fileprivate var modified: Int {
    get throws {
      let date = try FileManager.default.attributesOfItem(atPath: self)[.modificationDate] as? Date
      return Int(date?.timeIntervalSince1970 ?? 0)
    }
  }
}
