import Foundation
import HDF5
import TestSupport
import Testing

/// Files that the program must refuse; see tools/make_bad_inputs.py.
@Suite(.timeLimit(.minutes(30))) struct BadInputTests {
  /// An entry of cases.json.
  struct Case: Decodable, Sendable, CustomTestStringConvertible {
    let file: String
    let exitCode: Int32
    let messageContains: [String]
    let about: String

    var testDescription: String { "\(file): \(about)" }

    enum CodingKeys: String, CodingKey {
      case file, about
      case exitCode = "exit_code"
      case messageContains = "message_contains"
    }
  }

  static let cases: [Case] = {
    let data = try? Data(contentsOf: URL(fileURLWithPath: Repository.fixture("bad/cases.json")))
    return (try? JSONDecoder().decode([Case].self, from: data ?? Data())) ?? []
  }()

  @Test func thereAreCases() { #expect(Self.cases.count > 50) }

  /// A program with a sanitizer says itself, and at length, what a crash of the library was.
  static let crashes: Set<String> = Sanitizer.isPresent ? ["library_crash.h5"] : []

  @Test(arguments: cases.filter { !crashes.contains($0.file) })
  func isRefused(_ bad: Case) throws {
    let program = try Program()
    let result = try program.run("--in", Repository.fixture("bad/\(bad.file)"), "--out", "out.h5")
    #expect(result.exitCode == bad.exitCode)
    guard bad.exitCode != 0 else {
      #expect(try program.files == ["out.h5"])
      return
    }
    #expect(try program.files == [])
    #expect(result.output == "")
    #expect(result.error.hasPrefix("bn-stream: ") && result.error.hasSuffix("\n"))
    #expect(result.error.dropLast().contains(where: \.isNewline) == false, "\(result.error)")
    for text in bad.messageContains { #expect(result.error.contains(text)) }
  }

  @Test(arguments: [
    (
      "absent.h5", 66,
      "absent.h5: there is no such file; check --in"
    ),
    (
      "text.h5", 65,
      "text.h5: is not an HDF5 file, or its beginning is damaged; write it anew with h5py or another HDF5 library, or "
        + "check --in"
    ),
    (
      "no_layer.h5", 65,
      #"no_layer.h5: no group holds a dataset `activations`; there is /layer/inputs [6, 3]; name yours in the "#
        + #"configuration, as in {"datasets": {"activations": "inputs"}}"#
    ),
    (
      "rank_1.h5", 65,
      "rank_1.h5: /layer/activations has shape [6], but samples and features need two axes or more; "
        + "store it as [samples, features]"
    ),
    (
      "grad_output_shape.h5", 65,
      "grad_output_shape.h5: /layer/grad_output has shape [6, 4], but /layer/activations needs [6, 3]; "
        + "write it with that shape"
    ),
    (
      "gamma_shape.h5", 65,
      "gamma_shape.h5: /layer/gamma has shape [4], but /layer/activations of shape [6, 3] needs [3]; "
        + "write it with that shape, or say with --feature-axis where the features are"
    ),
    (
      "gamma_and_weight.h5", 65,
      "gamma_and_weight.h5: /layer holds both `gamma` and `weight`, two names for one thing; remove one, or choose "
        + "with `datasets` in the configuration"
    ),
    (
      "string_type.h5", 65,
      "string_type.h5: /layer/activations holds string, not numbers of a known type; convert it to float32 or float64"
    ),
    (
      "soft_link.h5", 65,
      "soft_link.h5: /layer/activations is a soft link to /data, where there is nothing; correct the link, or copy the data"
    ),
    (
      "filter_bzip2.h5", 65,
      "filter_bzip2.h5: /layer/activations is compressed with bzip2 (filter 307), which this HDF5 library cannot read; "
        + "rewrite it with gzip, for example with h5py where that filter is known"
    ),
    (
      "chunk_lzf_cut.h5", 65,
      "chunk_lzf_cut.h5: the chunk of /layer/activations at [0, 0] is damaged: lzf cannot decode it to its proper length, "
        + "or its checksum is wrong; write the file anew"
    ),
    (
      "chunk_zstd_shorter_library.h5", 65,
      "chunk_zstd_shorter_library.h5: cannot read rows 0..<6 of /layer/activations: its chunk at [0, 0] does not "
        + "decode to its 72 bytes; the file may be damaged"
    ),
    (
      "offsets_decreasing.h5", 65,
      "offsets_decreasing.h5: /layer/batch_offsets decreases from 4 to 2 at index 2; batch boundaries ascend"
    ),
    (
      "attribute_epsilon_negative.h5", 65,
      "attribute_epsilon_negative.h5: attribute `epsilon` of /layer is -1e-05, but must be a finite number of at "
        + "least 0; correct it, or override it with an option"
    ),
    (
      "single_value.h5", 65,
      "single_value.h5: batch 1 of /layer has one value per feature, so its variance says nothing; choose another "
        + #"--batch-size, or set "single_value_batch": "allow" for y = beta"#
    ),
  ])
  func saysWhatWhereAndWhatToDo(file: String, exitCode: Int32, message: String) throws {
    let program = file == "absent.h5" ? try Program() : try Program("bad/\(file)")
    expectFailure(try program.run("--in", file, "--out", "out.h5"), exitCode, message)
  }

  /// An attribute that is wrong stops nobody who says the setting, as the message advises, or in the configuration.
  @Test(arguments: [
    ("attribute_epsilon_nan.h5", "epsilon", "0.5"), ("attribute_epsilon_string.h5", "epsilon", "0.5"),
    ("attribute_epsilon_vector.h5", "epsilon", "0.5"), ("attribute_epsilon_negative.h5", "epsilon", "0.5"),
    ("attribute_momentum_range.h5", "momentum", "0.25"), ("attribute_batch_size_0.h5", "batch_size", "3"),
    ("attribute_feature_axis_0.h5", "feature_axis", "1"),
    ("attribute_feature_axis_range.h5", "feature_axis", "1"),
  ])
  func aWrongAttributeIsOverridden(file: String, key: String, value: String) throws {
    let program = try Program("bad/\(file)")
    try program.write(#"{"\#(key)": \#(value)}"#, to: "config.json")
    let option = "--" + key.replacing("_", with: "-")
    for options in [[option, value], ["--config", "config.json"]] {
      let result = try program.run(["--in", file, "--out", "out.h5", "--force"] + options)
      #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
      let layer = try File(reading: program.path("out.h5")).root.group("layer")
      #expect(try layer.readDouble(attribute: key) == Double(value))
    }
  }

  #if os(Linux)
    /// A file without content where the system looks first: a library that cannot be loaded. (Something that the program
    /// itself is linked to may need Zstandard, so that it cannot be tried this way.)
    @Test(arguments: [
      ("liblzf.so.1", "liblzf1", ["lzf.h5": "lzf (filter 32000)", "lzf_fill.h5": "lzf (filter 32000)"]),
      (
        "liblz4.so.1", "liblz4-1",
        ["lz4.h5": "lz4 (filter 32004)", "bitshuffle_lz4.h5": "bitshuffle (filter 32008)"]
      ),
      ("libblosc.so.1", "libblosc1", ["blosc_lz4.h5": "blosc (filter 32001)"]),
    ])
    func aMissingLibrary(library: String, package: String, files: [String: String]) throws {
      // Whoever does not need it does not miss it.
      let others = ["zstd.h5", "bitshuffle.h5"]
      let program = try Program(files: files.keys + others)
      try program.write("", to: library)
      func run(_ file: String) throws -> Program.Result {
        try program.run(
          shell: #"LD_LIBRARY_PATH=".:$LD_LIBRARY_PATH" "$0" --in \#(file) --out \#(file).out.h5"#)
      }
      for (file, filter) in files {
        let result = try run(file)
        #expect(result.exitCode == 65)
        #expect(
          result.error
            == "bn-stream: \(file): /layer/activations is compressed with \(filter), for which there is no library "
            + "here; install it, on Debian or Ubuntu with `apt-get install \(package)`, or rewrite it with gzip\n"
        )
      }
      for file in others { #expect(try run(file).exitCode == 0) }
      #expect(
        try Set(program.files) == Set([library] + files.keys + others + others.map { $0 + ".out.h5" }))
    }
  #endif

  @Test func aTruncatedFile() throws {
    let program = try Program("bad/truncated.h5")
    let result = try program.run("--in", "truncated.h5", "--out", "out.h5")
    #expect(result.exitCode == 65)
    #expect(result.error.hasPrefix("bn-stream: truncated.h5: cannot be opened as HDF5: "))
    #expect(
      result.error.hasSuffix(
        "; the file is truncated or damaged: copy or write it anew\n"))
  }

  @Test func aFolder() throws {
    expectFailure(
      try Program().run("--in", ".", "--out", "out.h5"), 66,
      ".: is not a regular file; --in takes an HDF5 file")
  }
}
