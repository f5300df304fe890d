import HDF5
import TestSupport
import Testing

/// What `strict` leaves alone.
@Suite(.timeLimit(.minutes(30))) struct StrictTests {
  /// Layers that are not selected may be as they like, and so may what serves no role and looks like none.
  @Test func refusesNothingElse() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([6, 3])
      try layer.add("notes", [1])
      try layer.add("gamma", [1, 2, 3])
      // The role is filled.
      try layer.add("scale", [1, 2, 3])
      try layer.writeAttribute("epsilon", 0.5)
      try layer.writeAttribute("eps", 0.25)
      try layer.writeAttribute("units", "none")
      let other = try root.createGroup("other")
      try other.addTensors([6, 3])
      try other.add("running_variance", [1, 2, 3])
    }
    for command in [
      ["--in", "in.h5", "--out", "out.h5"], ["check", "--in", "in.h5"], ["trace", "--in", "in.h5", "--dot"],
    ] {
      let result = try program.run(command + ["--layer", "layer", "--strict"])
      #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
    }
    #expect(try program.run("--in", "in.h5", "--dry-run", "--strict").exitCode == 65)
    // Who maps the role has spoken.
    try program.write(#"{"datasets": {"running_var": "none"}, "strict": true}"#, to: "config.json")
    #expect(try program.run("--in", "in.h5", "--dry-run", "--config", "config.json").exitCode == 0)
  }

  /// Of the warnings those about roles and settings are errors, and no others.
  @Test(arguments: Warning.all.indices) func refusesWhatIsAboutRolesAndSettings(row: Int) throws {
    let warning = Warning.all[row]
    let others = ["inputNotLocked", "skipped", "numbersRounded", "nonfiniteGiven", "negativeVariance"]
    let isOther =
      warning.name.hasPrefix("SkipReason.") || others.contains { warning.name == "StreamWarning.\($0)" }
    let program = try warning.program()
    let result = try program.run(
      ["--in", "in.h5", "--dry-run", "--strict", "--config", "config.json"] + warning.options)
    // The code is that of who said what does not fit.
    #expect((isOther ? [0] : [64, 65, 78]).contains(result.exitCode), "\(warning.name): \(result.error)")
  }

  /// Given statistics of 0 and 1 are taken if somebody asks for them.
  @Test func runningStatisticsMayBeLeftOut() throws {
    let program = try Program()
    try program.make { try $0.createGroup("layer").addTensors([6, 3]) }
    try program.write(
      #"{"statistics": "running", "epsilon": 0, "datasets": {"running_mean": "none", "running_var": "none"}}"#,
      to: "config.json")
    let result = try program.run("--in", "in.h5", "--out", "out.h5", "--config", "config.json", "--strict")
    #expect(result.exitCode == 0 && result.error == "")
    let root = try File(reading: program.path("out.h5")).root
    #expect(try root.dataset("layer/output").readDoubles() == Group.numbers([6, 3], seed: 1))
  }

  /// Recalibration takes each batch's own statistics of whatever was recorded, and there is nothing to warn of.
  @Test func statisticsOfARecordingInEvaluationMode() throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([6, 3])
      try layer.add("batch_offsets", [0, 4, 6], type: .int64)
      try layer.writeAttribute("statistics", "running")
    }
    let config = Repository.url.appending(path: "configs/recalibrate.json").path
    let result = try program.run("--in", "in.h5", "--out", "out.h5", "--config", config, "--strict")
    #expect(result.exitCode == 0 && result.error == "", "\(result.error)")
    let layer = try File(reading: program.path("out.h5")).root.group("layer")
    #expect(try layer.dataset("batches/count").readDoubles() == [4, 2])
  }

  /// The same of moments, from which results of parts are pooled; not of what is normalized otherwise than the model did.
  @Test(
    arguments: [
      (#"["moments"]"#, true), (#"["population", "moments"]"#, true), (#"["moments", "output"]"#, false),
      (#"["histograms"]"#, false),
    ])
  func momentsOfARecordingInEvaluationMode(outputs: String, isAllowed: Bool) throws {
    let program = try Program()
    try program.make { root in
      let layer = try root.createGroup("layer")
      try layer.addTensors([6, 3])
      try layer.writeAttribute("statistics", "running")
    }
    try program.write(#"{"statistics": "batch", "outputs": \#(outputs)}"#, to: "config.json")
    let result = try program.run("--in", "in.h5", "--dry-run", "--config", "config.json", "--strict")
    #expect(result.exitCode == (isAllowed ? 0 : 78))
    #expect((result.error == "") == isAllowed, "\(result.error)")
  }
}
