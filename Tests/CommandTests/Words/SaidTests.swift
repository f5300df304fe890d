import Foundation
import HDF5
import TestSupport
import Testing

/// What commands say of the sample and of a file with something odd in each layer, to the last digit: beside what was said when it was read
/// and found right.
///
/// Other tests compare numbers with other programs'; this one sees that no number and no word of all that is shown goes elsewhere unnoticed. What is
/// meant to change is written anew by `tools/generate-said`, and read as a change of any other text is.
@Suite(.timeLimit(.minutes(30))) struct SaidTests {
  /// A command, those that it needs before it, and the page or the HDF5 file that it writes.
  struct Case: CustomTestStringConvertible, Sendable {
    let name: String
    var before: [String] = []
    let line: String
    var file: String?

    var testDescription: String { name }
  }

  private static let machine = "--threads 2 --memory 64MiB"
  private static let sample = "--in digits.h5 --out out.h5 --diagnose \(machine)"
  private static let odd = "--in odd.h5 --out out.h5 --diagnose --batch-size 6 \(machine)"
  private static let other = "--in other.h5 --out changed.h5 --batch-size 12 --epsilon 0.1 \(machine)"
  private static let moments = ["odd", "other"].map {
    "--in \($0).h5 --out \($0)-moments.h5 --config moments.json \(machine)"
  }

  static let cases =
    [
      Case(name: "run", line: sample),
      Case(name: "run-json", line: sample + " --json"),
      Case(name: "run-odd", line: odd, file: "out.h5"),
      Case(name: "run-odd-json", line: odd + " --json"),
      Case(name: "run-plan", line: "--in odd.h5 --out out.h5 --dry-run --json \(machine)"),
      Case(name: "run-all", line: "--in odd.h5 --out out.h5 --config all.json \(machine)", file: "out.h5"),
      Case(name: "inspect", line: "inspect odd.h5 \(machine)"),
      Case(name: "inspect-json", line: "inspect odd.h5 --json \(machine)"),
      Case(name: "trace", line: "trace --in odd.h5 --layer uneven --print \(machine)"),
      Case(
        name: "trace-page", line: "trace --in odd.h5 --layer uneven --html page.html \(machine)",
        file: "page.html"),
      Case(
        name: "trace-file", line: "trace --in odd.h5 --layer uneven --batch 2 --out trace.h5 \(machine)",
        file: "trace.h5"),
      Case(name: "check", line: "check --in odd.h5 \(machine)"),
      Case(name: "check-json", line: "check --in odd.h5 --json \(machine)"),
      Case(
        name: "verify", before: [odd],
        line: "verify --in odd.h5 --against out.h5 --batch-size 6 --epsilon 0.01 \(machine)"),
      Case(
        name: "verify-json", before: [odd],
        line: "verify --in odd.h5 --against out.h5 --layer uneven --epsilon 0.01 --json \(machine)"),
      Case(name: "report", before: [sample], line: "report out.h5 --out page.html", file: "page.html"),
      Case(name: "report-odd", before: [odd], line: "report out.h5 --out page.html", file: "page.html"),
      Case(name: "report-odd-json", before: [odd], line: "report out.h5 --json"),
      Case(
        name: "report-all", before: ["--in odd.h5 --out out.h5 --config all.json \(machine)"],
        line: "report out.h5 --out page.html", file: "page.html"),
      Case(
        name: "compare", before: [odd, other], line: "compare out.h5 changed.h5 --report page.html",
        file: "page.html"),
      Case(
        name: "compare-json", before: [odd, other],
        line: "compare out.h5 changed.h5 --fail-above 0.5 --json"),
      Case(
        name: "merge", before: moments, line: "merge odd-moments.h5 other-moments.h5 --out merged.h5",
        file: "merged.h5"),
      Case(
        name: "merge-json", before: moments,
        line: "merge odd-moments.h5 other-moments.h5 --out merged.h5 --json"),
      Case(
        name: "merge-prior", before: moments,
        line: "merge odd-moments.h5 --prior other-moments.h5:20 --out merged.h5", file: "merged.h5"),
      Case(name: "run-dry", line: "--in digits.h5 --out out.h5 --batch-size 10 --dry-run \(machine)"),
      Case(
        name: "run-files",
        line: "--in odd.h5 other.h5 --out out.h5 --batch-size 12 --quantiles 25,75 \(machine)",
        file: "out.h5"),
      Case(
        name: "run-log",
        line: "--in odd.h5 --out out.h5 --batch-size 5 --verbose --log-format json \(machine)"),
      Case(
        name: "run-running", line: "--in odd.h5 --out out.h5 --layer sick --statistics running \(machine)",
        file: "out.h5"),
      Case(name: "run-strict", line: "--in odd.h5 --out out.h5 --batch-size 6 --strict --json \(machine)"),
      Case(name: "shards", before: ["\(odd) --shard 1/3"], line: "inspect out.h5.partial"),
      Case(name: "shards-json", before: ["\(odd) --shard 1/3"], line: "inspect out.h5.partial --json"),
      Case(
        name: "golden", line: "verify --write-golden golden.h5 --golden-samples 5 --golden-features 2",
        file: "golden.h5"),
      Case(
        name: "golden-of-a-file",
        line: "verify --write-golden golden.h5 --in digits.h5 --layer head/bn --golden-samples 30",
        file: "golden.h5"),
      Case(
        name: "explain-file", line: "explain adjoints --in odd.h5 --layer masked --out said.h5",
        file: "said.h5"),
      Case(name: "explain-json", line: "explain saturation --json \(machine)"),
      Case(name: "report-digits-json", before: [sample], line: "report out.h5 --json"),
      Case(
        name: "compare-layers", before: ["\(odd) --layer sick", other], line: "compare out.h5 changed.h5"),
      Case(name: "explain", line: "explain"),
    ]
    + ["run", "inspect", "trace", "check", "verify", "explain", "report", "compare", "merge"].map {
      Case(name: "help-\($0)", line: "\($0) --help")
    }
    // Whitening is LAPACK's, whose last digits differ from one to another.
    + ["adjoints", "identity", "saturation", "bias-drift", "landscape", "covariate-shift", "percentiles"].map
  {
    Case(name: "explain-\($0)", line: "explain \($0) \(machine)")
  }

  private static func prepare(_ program: Program) throws {
    try FileManager.default.copyItem(
      atPath: Repository.url.appending(path: "tools/samples/digits.h5").path,
      toPath: program.path("digits.h5"))
    try makeOdd(program, "odd.h5", seed: 3)
    try makeOdd(program, "other.h5", seed: 8)
    try program.write(#"{"outputs": ["population", "moments"], "batch_size": 4}"#, to: "moments.json")
    try program.write(
      #"""
      {"batch_size": "all", "outputs": ["output", "normalized", "grad_input", "grad_gamma", "grad_beta", "running", \#
      "population", "batches", "moments", "histograms", "diagnostics"], "quantiles": [15, 50, 85], \#
      "output_storage": {"layout": "chunked", "chunk_samples": 5, "gzip": 1, "shuffle": true}}
      """#, to: "all.json")
  }

  /// A file with something odd in each layer.
  private static func makeOdd(_ program: Program, _ name: String, seed: Int) throws {
    try program.make(name) { root in
      let numbers = Group.numbers([48, 5], seed: seed)
      let sick = try root.createGroup("sick")
      let x = numbers.enumerated().map { index, number in
        switch (index / 5, index % 5) {
        case (_, 0): 2.5
        case (7, 1): Double.nan
        case (20, 1): Double.infinity
        case (_, 2): 1e6 + number
        case (let sample, 3): Double(sample)
        default: number
        }
      }
      try sick.add("activations", x, shape: [48, 5], type: .float32)
      let dy = Group.numbers([48, 5], seed: seed + 1).enumerated().map { $0 % 5 == 4 ? 0 : $1 - 1.5 }
      try sick.add("grad_output", dy, shape: [48, 5], type: .float32)
      try sick.add("weight", [1, 0, -1, 2, 1])
      try sick.add("bias", [0.5, 0, 0.25, -1, 3])
      try sick.addRunningStatistics([2.5, 1, 1e6, 10, 0], [1, 0.5, 1, 200, 1])
      let masked = try root.createGroup("masked")
      try masked.addTensors([12, 3, 4], type: .float64)
      try masked.add("mask", (0..<48).map { $0 % 7 == 2 ? 0 : 1 }, shape: [12, 4], type: .uint8)
      let uneven = try root.createGroup("uneven")
      try uneven.addTensors([10, 2], type: .float32)
      try uneven.add("batch_offsets", [0, 3, 3, 10], type: .int64)
      let forward = try root.createGroup("forward")
      try forward.addTensors([9, 2, 3, 3], gradient: false, type: .float16)
    }
  }

  /// What differs from run to run, machine to machine and version to version is not compared.
  static func comparable(_ text: String, _ program: Program) -> String {
    var text = text.replacing(program.folder.path + "/", with: "")
    text.replace(/(?s)<style.*?<\/style>/, with: "")
    // Said of runs that take a second, as on a slow machine.
    text.replace(/(?m)^of the threads' time: .*\n/, with: "")
    text.replace(/(?s)"bound" ?: ?\{[^}]*\},?\s*/, with: "")
    text.replace(/[0-9.]+(e-?[0-9]+)? (?:GB|MB|kB|B)\/s/, with: "# GB/s")
    text.replace(/\b[0-9.]+(e-?[0-9]+)? (?:s|ms)\b/, with: "# s")
    text.replace(/on disk +[0-9.]+ [KMG]iB/, with: "on disk #")
    text.replace(/("bytes_on_disk" : )[0-9]+/, with: { "\($0.output.1)#" })
    text.replace(/[0-9.]+ [KMG]iB of memory/, with: "# of memory")
    text.replace(/HDF5 [0-9.]+/, with: "HDF5 #")
    text.replace(/(@input_size|@input_checksum|"input_size" :) [0-9a-f.]+/, with: { "\($0.output.1) #" })
    // Of exponentials and logarithms, whose last digits are the C library's.
    text.replace(/(shuffling_p \[[0-9, ]+\] float64) .*/, with: { "\($0.output.1) #" })
    text.replace(/\d{4}-\d\d-\d\dT[0-9:.]+Z/, with: "#")
    text.replace(
      /("(?:[a-z_]*seconds|compute|decode|encode|read|wait|write|peak_memory_bytes|gigabytes_per_second)" ?: ?)[0-9.e-]+/,
      with: { "\($0.output.1)0" })
    return text
  }

  @Test(arguments: cases) func isWhatWasRead(_ one: Case) throws {
    let program = try Program()
    try Self.prepare(program)
    func run(_ line: String) throws -> Program.Result {
      try program.run(line.split(separator: " ").map(String.init))
    }
    for line in one.before { #expect(try run(line).exitCode == 0, "\(line)") }
    let result = try run(one.line)
    // What takes half a minute, as with a sanitizer, shows how far it is.
    let error = result.error.replacing(/(?m)^ *[0-9]+ % .*\n/, with: "")
    var said = "$ bn-stream \(one.line)\n\(result.output)\(error)exit code \(result.exitCode)\n"
    if let file = one.file {
      said +=
        file.hasSuffix(".h5")
        ? try program.root(file).listing
        : try String(contentsOfFile: program.path(file), encoding: .utf8)
    }
    said = Self.comparable(said, program)
    try Fixture.compare(said, "said/\(one.name).txt")
  }

  @Test func everyFixtureIsCompared() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Repository.fixture("said"))
    #expect(Set(names) == Set(Self.cases.map { "\($0.name).txt" }))
  }
}

extension Group {
  /// A line for each attribute, dataset and group below: what it is, the first numbers, and a digest of all.
  fileprivate var listing: String {
    get throws {
      var lines = try attributeLines(path)
      for name in try links().map(\.name).sorted() {
        if let dataset = try? dataset(name) {
          let values = try dataset.readDoubles()
          let first = values.prefix(4).map { "\($0)" }.joined(separator: " ")
          lines.append(
            "\(dataset.path) \(dataset.shape) \(dataset.type) \(try dataset.digest): \(first)")
          lines += try dataset.attributeLines(dataset.path)
        } else {
          lines.append(try group(name).listing)
        }
      }
      return lines.joined(separator: "\n")
    }
  }
}

extension AttributeHolder {
  fileprivate func attributeLines(_ path: String) throws -> [String] {
    try attributeNames().sorted().map { name in
      let value: Any? =
        if let text = try? readString(attribute: name) {
          text
        } else if let number = try? readDouble(
          attribute: name)
        { number } else { try? readStrings(attribute: name) }
      return "\(path) @\(name) \(value.map { "\($0)" } ?? "?")"
    }
  }
}
