import Foundation
import LayerFiles
import TestSupport
import Testing

@testable import bn_stream

/// Every warning: one line on standard error of every command, and in the JSON of those that have a place for it.
@Suite(.timeLimit(.minutes(30))) struct WarningTests {
  @Test(arguments: Warning.all.indices)
  func isOneLine(row: Int) throws {
    let warning = Warning.all[row]
    let program = try warning.program()
    let commands: [[String]] = [
      ["--in", "in.h5", "--out", "out.h5", "--force"], ["--in", "in.h5", "--dry-run"],
      ["trace", "--in", "in.h5", "--dot"], ["check", "--in", "in.h5"],
      ["verify", "--in", "in.h5", "--against", "other.h5", "--atol", "10", "--allow-missing"],
    ]
    for command in commands.map({ $0 + ["--config", "config.json"] }) {
      let result = try program.run(command + warning.options)
      #expect(result.error == "warning: \(warning.line)\n", "\(command)")
      #expect(result.exitCode == 0, "\(command)")
      #expect(result.output != "")
    }
    // One frame runs all commands, so that each row asks one of them.
    let quiet = commands[row % commands.count] + ["--config", "config.json"] + warning.options + ["--quiet"]
    #expect(try program.run(quiet).error == "", "\(quiet)")
    let json = try program.run(
      commands[row % 2] + ["--config", "config.json"] + warning.options + ["--json"])
    #expect(json.error == "warning: \(warning.line)\n")
    let summary = try JSONDecoder().decode(Warned.self, from: Data(json.output.utf8))
    #expect(summary.warnings == [warning.line])
  }

  /// Three datasets are named, and the rest is counted.
  @Test(
    arguments: [
      (1, "/0/activations"), (3, "/0/activations, /1/activations, /2/activations"),
      (4, "/0/activations, /1/activations, /2/activations and 1 more dataset"),
      (5, "/0/activations, /1/activations, /2/activations and 2 more datasets"),
    ])
  func roundedDatasetsAreCounted(count: Int, words: String) {
    let warning = StreamWarning.numbersRounded(
      datasets: (0..<count).map { "/\($0)/activations" }, words: "80-bit float of unusual format")
    #expect(
      warning.description
        == "the numbers of \(words) (80-bit float of unusual format) are rounded to float64; convert them yourself for another "
        + "rounding")
  }

  /// Of layers, of datasets and of what is passed over three are named, and the rest is counted only where there is one.
  @Test(
    arguments: [
      (1, "/0 has", "a link", "/0"), (2, "/0, /1 have", "2 links", "/0, /1"),
      (3, "/0, /1, /2 have", "3 links", "/0, /1, /2"),
      (4, "/0, /1, /2 and 1 more layer have", "4 links", "/0, /1, /2 and 1 more"),
      (5, "/0, /1, /2 and 2 more layers have", "5 links", "/0, /1, /2 and 2 more"),
    ] as [(Int, String, String, String)])
  func namesAreCounted(count: Int, layers: String, links: String, names: String) {
    let paths = (0..<count).map { "/\($0)" }
    let hold = count == 1 ? "holds" : "hold"
    #expect(
      StreamWarning.weightsNotRead(layers: paths, found: "weights").description
        .hasPrefix("\(layers) `weights`, which is not read: "))
    #expect(
      StreamWarning.skipped(.leadsNowhere, paths).description
        == "passed over \(links) to what is not there: \(names)")
    #expect(
      StreamWarning.nonfiniteGiven(datasets: paths, feature: 4, count: 9).description
        == "\(names) \(hold) 9 infinities or NaN, the first at [4], and so will be the results of such "
        + "features")
  }

  /// What is passed over in words for one and for several.
  @Test func whatIsPassedOverHasItsNumber() {
    let (one, two) = (["/a"], ["/a", "/b"])
    #expect(
      StreamWarning.skipped(.unreadable, two).description
        == "passed over 2 damaged objects that the HDF5 library cannot read: /a, /b")
    #expect(
      StreamWarning.skipped(.otherFile, one).description
        == "passed over a link into other files, which are not opened: /a")
    #expect(
      StreamWarning.skipped(.nameIsNotText, two).description
        == "passed over 2 layers whose name is not UTF-8: /a, /b; select them with --layer, as shown here, to have them computed"
    )
    #expect(
      StreamWarning.skipped(.nameIsNotText, one).description
        == "passed over a layer whose name is not UTF-8: /a; select it with --layer, as shown here, to have it computed"
    )
  }

  /// Of names that are equal to Swift, as they differ in their Unicode form only, each is named.
  @Test func areAboutEachOfTwoNamesThatLookAlike() throws {
    let program = try Program()
    try program.make { root in
      for name in ["cafe\u{301}", "caf\u{e9}"] {
        let layer = try root.createGroup(name)
        try layer.addTensors([6, 3])
        try layer.writeAttribute("eps", 0.5)
      }
    }
    let line =
      "/cafe\u{301}, /caf\u{e9} have an attribute `eps`, which is not read; write it as the attribute `epsilon` of the "
      + "layer's group, or give --epsilon"
    for options in [["--dry-run"], ["--out", "out.h5"]] {
      let result = try program.run(["--in", "in.h5", "--json"] + options)
      #expect(result.exitCode == 0)
      #expect(result.error == "warning: \(line)\n")
      #expect(try JSONDecoder().decode(Warned.self, from: Data(result.output.utf8)).warnings == [line])
    }
  }

  /// Of several layers the first place and number are those of the first that has any, and what all have is counted.
  @Test func areAboutTheFirstOfSeveralLayers() throws {
    let program = try Program()
    let layers: [(name: String, gamma: [Double], variance: [Double])] = [
      ("layer0", [1, 1, 1], [1, 1, 1]), ("layer1", [1, 1, .nan], [1, 1, -0.5]),
      ("layer2", [.infinity, .nan, 1], [-0.25, 1, -0.75]),
    ]
    try program.make { root in
      for (name, gamma, variance) in layers {
        let layer = try root.createGroup(name)
        try layer.addTensors([6, 3])
        try layer.add("gamma", gamma)
        try layer.addRunningStatistics([0, 0, 0], variance)
      }
    }
    let result = try program.run("--in", "in.h5", "--dry-run")
    #expect(result.exitCode == 0)
    let lines = result.error.split(separator: "\n").map(String.init)
    let spoiled: String =
      "warning: /layer1/gamma, /layer2/gamma hold 3 infinities or NaN, the first at [2], and so will be the results of such "
      + "features"
    let negative: String =
      "warning: /layer1/running_var[2] is -0.5, and 1 more has such, which is no variance, as if epsilon had been "
      + "subtracted; it is used as it is"
    #expect(lines == [spoiled, negative])
  }

  /// Nothing is said of a file that gives no reason.
  @Test func areNotAboutEveryFile() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([6, 3])
      try layer.addRunningStatistics([0, 0, 0], [1, 1, 1])
      try layer.add("batch_offsets", [0, 2, 6], type: .int64)
      try layer.writeAttribute("statistics", "batch")
    }
    for options in [["--statistics", "running"], []] {
      let result = try program.run(["--in", "in.h5", "--dry-run", "--json"] + options)
      #expect(result.exitCode == 0 && result.error == "")
      #expect(try JSONDecoder().decode(Warned.self, from: Data(result.output.utf8)).warnings == [])
    }
  }

  /// Results that lie beside the inputs, whatever program called them, are not taken for misspelt inputs.
  @Test func areNotAboutResults() throws {
    let names = LayerResult.allCases.filter { $0.group == nil && !$0.isAlsoInput }.flatMap(\.names)
    try #require(names.contains("dgamma") && names.contains("dbias") && names.contains("population_mean"))
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([6, 3], gradient: false)
      for name in names { try layer.add(name, [1, 2, 3]) }
    }
    let result = try program.run("--in", "in.h5", "--dry-run", "--json")
    #expect(result.exitCode == 0 && result.error == "")
    #expect(try JSONDecoder().decode(Warned.self, from: Data(result.output.utf8)).warnings == [])
  }

  /// Who says that there is no mask is not asked about a dataset that is called like that word.
  @Test(arguments: ["None", "NONE", "no_ne"]) func areNotAboutNone(name: String) throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([6, 3])
      try layer.add(name, [1, 2, 3])
    }
    try program.write(#"{"datasets": {"mask": "none"}}"#, to: "c.json")
    let result = try program.run("--in", "in.h5", "--dry-run", "--config", "c.json")
    #expect(result.exitCode == 0 && result.error == "")
  }

  /// Of several names in the configuration that are slips each has its line, in the order of the roles' names.
  @Test func areAboutEachConfiguredName() throws {
    let program = try Program()
    let names = [
      ("beta", "shifting"), ("gamma", "scaling"), ("running_mean", "middle"), ("running_var", "spread"),
    ]
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([6, 3])
      for (_, name) in names { try layer.add(name, [1, 2, 3]) }
    }
    let members = names.reversed().map { role, name in #""\#(role)": "\#(name)x""# }
    try program.write(#"{"datasets": {\#(members.joined(separator: ", "))}}"#, to: "c.json")
    let result = try program.run("--in", "in.h5", "--dry-run", "--config", "c.json")
    #expect(result.exitCode == 0)
    let lines = result.error.split(separator: "\n").map(String.init)
    try #require(lines.count == 4, "\(result.error)")
    for (line, (role, name)) in zip(lines, names) {
      #expect(
        line.hasPrefix(
          "warning: /layer has no `\(name)x`, which `datasets` names as \(role), but `\(name)`; "), "\(line)")
    }
  }

  /// Sizes of batches beside their boundaries are nobody's slip, nor are they where boundaries are set aside.
  @Test(arguments: [[], ["--ignore-batch-offsets"]]) func areNotAboutSizesBesideBoundaries(options: [String])
    throws
  {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([6, 3])
      try layer.add("batch_offsets", [0, 2, 6], type: .int64)
      try layer.add("batch_sizes", [2, 4], type: .int64)
    }
    let result = try program.run(["--in", "in.h5", "--dry-run"] + options)
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
  }

  /// Where y = x whatever the file has of gamma and beta, nobody is told that they are misspelt, or that the configuration is.
  @Test(
    arguments: [
      #"{}"#, #"{"datasets": {"gamma": "scalling"}}"#,
      #"{"datasets": {"activations": "{layer}/activations", "beta": "shifts/{layer}"}}"#,
    ])
  func areNotAboutParametersThatNobodyReads(configuration: String) throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([6, 3], gradient: false)
      for name in ["Gamma", "scaling"] { try layer.add(name, [1, 2, 3]) }
    }
    try program.write(configuration, to: "c.json")
    let command = ["--in", "in.h5", "--dry-run", "--config", "c.json"]
    #expect(try program.run(command).error.hasPrefix("warning: /layer has "))
    let result = try program.run(command + ["--parameters", "identity"])
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
  }

  private struct Warned: Decodable {
    let warnings: [String]
  }
}
