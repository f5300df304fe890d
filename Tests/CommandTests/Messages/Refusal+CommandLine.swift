/// What is wrong with the command line: one line that ends with where to read on.
extension Refusal {
  static let usage: [Refusal] =
    oneByOne + withoutGolden + withoutComparison + withoutData + priors

  private static let oneByOne: [Refusal] = [
    usage(["--out", "out.h5"], "Missing expected argument '--in <file> ...'; see bn-stream run --help"),
    usage(["--in", "rank2.h5"], "Missing expected argument '--out <file>'; see bn-stream run --help"),
    usage(["run", "--in", "rank2.h5"], "Missing expected argument '--out <file>'; see bn-stream run --help"),
    usage(
      ["trace", "--in", "rank2.h5"], "Missing expected argument '--out <file>'; see bn-stream trace --help"),
    usage(
      ["--in", "rank2.h5", "--out", "out.h5", "--resume", "--force"],
      "'--resume' goes on with what is there, '--force' starts over; give one of them; see bn-stream run --help"
    ),
    usage(
      ["--in", "rank2.h5", "--out", "out.h5", "--shard", "0/2", "--force"],
      "'--force' starts over, and another shard may have begun; remove the output, or the folder of the unfinished one; see "
        + "bn-stream run --help"),
    usage(
      ["--in", "rank2.h5", "--out", "out.h5", "--wait"],
      "'--wait' is for a job in shards; give --shard, or leave it out; see bn-stream run --help"),
    usage(
      ["--in", "rank2.h5", "--out", "out.h5", "--shard", "auto"],
      "'--shard auto' finds nothing of Slurm or MPI in the environment that says which; give --shard I/N; see bn-stream run "
        + "--help"),
    usage(["check"], "Missing expected argument '--in <file> ...'; see bn-stream check --help"),
    usage(
      ["verify", "--in", "rank2.h5"],
      "Missing expected argument '--against <file>'; see bn-stream verify --help"),
    usage(["--in", "rank2.h5", "--out"], "Missing value for '--out <file>'; see bn-stream run --help"),
    usage(
      ["--in", "rank2.h5", "--out", "out.h5", "more"], "Unexpected argument 'more'; see bn-stream run --help"),
    usage(
      ["--in", "rank2.h5", "--out", "out.h5", "--batch-sizes", "3"],
      "Unknown option '--batch-sizes'. Did you mean '--batch-size'? See bn-stream run --help"),
    // Before what is missing because of it.
    usage(
      ["--input", "rank2.h5", "--out", "out.h5"],
      "Unknown option '--input'. Did you mean '--in'? See bn-stream run --help"),
    usage(
      ["run", "--in", "rank2.h5", "--output=out.h5"],
      "Unknown option '--output'. Did you mean '--out'? See bn-stream run --help"),
    usage(
      ["check", "--file", "rank2.h5"],
      "Unknown option '--file'. Did you mean '--in'? See bn-stream check --help"),
    usage(
      ["verify", "--in", "rank2.h5", "--reference", "rank2.h5"],
      "Unknown option '--reference'. Did you mean '--against'? See bn-stream verify --help"),
    usage(
      ["trace", "--in", "rank2.h5", "-o", "out.h5"],
      "Unknown option '-o'. Did you mean '--out'? See bn-stream trace --help"),
    usage(
      ["--in", "rank2.h5", "--out", "out.h5", "--eps", "1e-3"],
      "Unknown option '--eps'. Did you mean '--epsilon'? See bn-stream run --help"),
    usage(
      ["--in", "rank2.h5", "--out", "out.h5", "--axis", "-1"],
      "Unknown option '--axis'. Did you mean '--feature-axis'? See bn-stream run --help"),
    usage(
      ["check", "--in", "rank2.h5", "--out", "out.h5"],
      "Unknown option '--out'; it is one of bn-stream run; see bn-stream check --help"),
    usage(
      ["--in", "rank2.h5", "--out", "out.h5", "--wholly-else"],
      "Unknown option '--wholly-else'; see bn-stream run --help"),
    usage(
      ["--in", "rank2.h5", "--out", "other.h5", "--out", "out.h5"],
      "'--out' is given more than once, but takes one value; leave out all but one; see bn-stream run --help"),
    usage(
      ["verify", "--in", "rank2.h5", "--against=rank2.h5", "--against=rank2.h5"],
      "'--against' is given more than once, but takes one value; leave out all but one; see bn-stream verify --help"
    ),
    usage(
      ["--in", "rank2.h5", "--out", "out.h5", "--quiet=3"],
      "The option '--quiet' does not take any value, but '3' was specified. See bn-stream run --help"),
    usage(
      ["runn", "--in", "rank2.h5"],
      "There is no subcommand 'runn'; did you mean 'run'? See bn-stream run --help"),
    usage(
      ["rank2.h5", "--out", "out.h5"],
      "There is no subcommand 'rank2.h5'; a file is given with --in; see bn-stream run --help"),
    usage(["--in", "rank2.h5", "--out", ""], "A file's name is empty; see bn-stream run --help"),
    usage(["--in", "", "--out", "out.h5"], "A file's name is empty; see bn-stream run --help"),
    usage(["trace", "--in", "rank2.h5", "--out", ""], "A file's name is empty; see bn-stream trace --help"),
    usage(["check", "--in", ""], "A file's name is empty; see bn-stream check --help"),
    usage(
      ["verify", "--in", "rank2.h5", "--against", ""], "A file's name is empty; see bn-stream verify --help"),
    usage(
      ["trace", "--in", "rank2.h5", "--dot", "--print"],
      "'--dot' and '--print' are two ways to print; choose one; see bn-stream trace --help"),
    usage(
      ["trace", "--in", "rank2.h5", "--dot", "--batch=-1"],
      "'--batch' is -1; batches count from 0; see bn-stream trace --help"),
    usage(
      ["check", "--in", "rank2.h5", "--samples", "0"],
      "'--samples' is 0; it must be at least 1; see bn-stream check --help"),
    usage(
      ["check", "--in", "rank2.h5", "--tolerance=-1"],
      "'--tolerance' is -1.0; it must be a finite number of at least 0; see bn-stream check --help"),
    usage(
      ["verify", "--in", "rank2.h5", "--against", "rank2.h5", "--rtol=-1"],
      "'--rtol' is -1.0; it must be a finite number of at least 0; see bn-stream verify --help"),
    usage(
      ["verify", "--in", "rank2.h5", "--against", "rank2.h5", "--atol", "inf"],
      "'--atol' is inf; it must be a finite number of at least 0; see bn-stream verify --help"),
    usage(
      ["verify", "--against", "rank2.h5"],
      "Missing expected argument '--in <file>'; see bn-stream verify --help"),
    usage(
      ["verify", "--in", "rank2.h5", "--against", "rank2.h5", "--force"],
      "'--force' is about what '--write-golden' writes, which is missing; see bn-stream verify --help"),
    usage(
      ["verify", "--write-golden", "golden.h5", "--in", "rank2.h5", "--golden-nonfinite"],
      "'--golden-nonfinite' is about data that is made, but '--in' gives some; see bn-stream verify --help"),
    usage(
      ["verify", "--write-golden", "golden.h5", "--golden-samples", "3"],
      "'--golden-samples' is 3; it must be from 4 to 65536; see bn-stream verify --help"),
    usage(
      ["verify", "--write-golden", "golden.h5", "--golden-features", "0"],
      "'--golden-features' is 0; it must be from 1 to 65536; see bn-stream verify --help"),
    usage(
      ["verify", "--write-golden", "golden.h5", "--golden-samples", "x"],
      "The value 'x' is invalid for '--golden-samples <count>'; see bn-stream verify --help"),
    usage(
      ["verify", "--write-golden", "golden.h5", "--golden-features", "x"],
      "The value 'x' is invalid for '--golden-features <count>'; see bn-stream verify --help"),
    usage(
      ["verify", "--write-golden", "golden.h5", "--golden-arrays", "golden.h5"],
      "'--golden-arrays' and '--write-golden' name one file; give each its own; see bn-stream verify --help"),
    usage(
      ["verify", "--write-golden", "golden.h5", "--golden-arrays", "./golden.h5"],
      "'--golden-arrays' and '--write-golden' name one file; give each its own; see bn-stream verify --help"),
    usage(["verify", "--write-golden", ""], "A file's name is empty; see bn-stream verify --help"),
    usage(
      ["--in", "rank2.h5", "--dry-run", "--report", "page.html"],
      "'--report' is of results, and '--dry-run' writes none; leave one of them out; see bn-stream run --help"
    ),
    usage(
      ["trace", "--in", "rank2.h5", "--out", "out.h5", "--html", "out.h5"],
      "'--html' and '--out' name one file; give each its own; see bn-stream trace --help"),
    usage(
      ["explain", "identity", "--out", "out.h5", "--html", "out.h5"],
      "'--html' and '--out' name one file; give each its own; see bn-stream explain --help"),
    usage(
      ["trace", "--in", "rank2.h5", "--out", "out.h5", "--html", "./out.h5"],
      "'--html' and '--out' name one file; give each its own; see bn-stream trace --help"),
    usage(
      ["explain", "identity", "--out", "./out.h5", "--html", ".//out.h5", "--force"],
      "'--html' and '--out' name one file; give each its own; see bn-stream explain --help"),
    usage(
      ["run", "--in", "rank2.h5", "--out", "out.h5", "--report", "./out.h5"],
      "'--report' and '--out' name one file; give each its own; see bn-stream run --help"),
    usage(
      ["run", "--in", "rank2.h5", "--out", "out.h5", "--report", "out.h5"],
      "'--report' and '--out' name one file; give each its own; see bn-stream run --help"),
    usage(
      ["merge", "rank2.h5"], "Missing expected argument '--out <file>'; see bn-stream merge --help"),
    usage(
      ["compare", "rank2.h5", "rank2.h5", "--fail-above=-1"],
      "'--fail-above' is -1.0; it must be a finite number of at least 0; see bn-stream compare --help"),
    usage(
      ["compare", "rank2.h5", "rank2.h5", "--fail-above", "x"],
      "The value 'x' is invalid for '--fail-above <number>'; see bn-stream compare --help"),
    usage(
      ["explain", "identity", "--batch=-1"],
      "'--batch' is -1; batches count from 0; see bn-stream explain --help"),
    usage(
      ["explain", "landscape", "--steps", "0"],
      "'--steps' is 0; it must be from 1 to 1000000; see bn-stream explain --help"),
    usage(
      ["explain", "landscape", "--learning-rate", "0"],
      "'--learning-rate' is 0.0; it must be a finite number above 0; see bn-stream explain --help"),
    usage(
      ["explain", "landscape", "--learning-rate", "inf"],
      "'--learning-rate' is inf; it must be a finite number above 0; see bn-stream explain --help"),
    usage(
      ["explain", "--in", "rank2.h5"],
      "A topic is missing; there are \(topics); see bn-stream explain --help"),
    usage(
      ["explain", "--html", "page.html"],
      "A topic is missing; there are \(topics); see bn-stream explain --help"),
    usage(
      ["explain", "--out", "numbers.h5"],
      "A topic is missing; there are \(topics); see bn-stream explain --help"),
    usage(
      ["explain", "percentile"],
      "The value 'percentile' is invalid for '<topic>': There is no topic 'percentile'; did you mean 'percentiles'? See "
        + "bn-stream explain --help"),
    usage(
      ["explain", "everything"],
      "The value 'everything' is invalid for '<topic>': There is no topic 'everything'; there are \(topics); see bn-stream "
        + "explain --help"),
    usage(["explain", "identity", "--in", ""], "A file's name is empty; see bn-stream explain --help"),
    usage(
      ["explain", "identity", "--batch", "x"],
      "The value 'x' is invalid for '--batch <number>'; see bn-stream explain --help"),
    usage(
      ["explain", "identity", "--steps", "x"],
      "The value 'x' is invalid for '--steps <count>'; see bn-stream explain --help"),
    usage(
      ["explain", "identity", "--learning-rate", "x"],
      "The value 'x' is invalid for '--learning-rate <number>'; see bn-stream explain --help"),
    usage(
      ["trace", "--in", "rank2.h5", "--dot", "--batch", "x"],
      "The value 'x' is invalid for '--batch <number>'; see bn-stream trace --help"),
    usage(
      ["check", "--in", "rank2.h5", "--samples", "x"],
      "The value 'x' is invalid for '--samples <count>'; see bn-stream check --help"),
    usage(
      ["check", "--in", "rank2.h5", "--tolerance", "x"],
      "The value 'x' is invalid for '--tolerance <number>'; see bn-stream check --help"),
    usage(
      ["verify", "--in", "rank2.h5", "--against", "rank2.h5", "--rtol", "x"],
      "The value 'x' is invalid for '--rtol <number>'; see bn-stream verify --help"),
    usage(
      ["verify", "--in", "rank2.h5", "--against", "rank2.h5", "--atol", "x"],
      "The value 'x' is invalid for '--atol <number>'; see bn-stream verify --help"),
  ]

  /// Options that are about what is written, without it.
  private static let withoutGolden: [Refusal] = {
    let options: [[String]] = [
      ["--golden-arrays", "golden.npz"], ["--golden-samples", "8"], ["--golden-features", "8"],
      ["--golden-nonfinite"],
    ]
    return options.map { option -> Refusal in
      usage(
        ["verify", "--in", "rank2.h5", "--against", "rank2.h5"] + option,
        "'\(option[0])' is about what '--write-golden' writes, which is missing; see bn-stream verify --help")
    }
  }()

  /// Options that are about a comparison, where there is none.
  private static let withoutComparison: [Refusal] = {
    let options: [[String]] = [
      ["--against", "rank2.h5"], ["--rtol", "0.5"], ["--atol", "0.5"], ["--allow-missing"], ["--folded"],
    ]
    return options.map { option -> Refusal in
      usage(
        ["verify", "--write-golden", "golden.h5"] + option,
        "'--write-golden' compares nothing; leave '\(option[0])' out; see bn-stream verify --help")
    }
  }()

  /// Options that are about a file's data, where data is made.
  private static let withoutData: [Refusal] = {
    let options: [[String]] = [["--batch-size", "8"], ["--ignore-batch-offsets"], ["--feature-axis", "2"]]
    return options.map { option -> Refusal in
      usage(
        ["verify", "--write-golden", "golden.h5"] + option,
        "'\(option[0])' is about the data of '--in', which is missing; see bn-stream verify --help")
    }
  }()

  /// A prior has a file, and weighs as a finite number of samples above 0.
  private static let priors: [Refusal] = {
    let priors = [
      "model.h5", "model.h5:", "model.h5:0", "model.h5:-16", "model.h5:nan", "model.h5:inf", "model.h5:x",
      ":16",
    ]
    return priors.map { prior -> Refusal in
      usage(
        ["merge", "rank2.h5", "--out", "out.h5", "--prior", prior],
        "The value '\(prior)' is invalid for '--prior <file:N>': '\(prior)' is no file with a number of samples after a colon, "
          + "as in '--prior model.h5:16'; see bn-stream merge --help")
    }
  }()

  private static let topics =
    "adjoints, identity, saturation, bias-drift, whitening, landscape, covariate-shift, percentiles"

  private static func usage(_ arguments: [String], _ line: String) -> Refusal {
    Refusal("ExitStatus.usage", arguments: arguments, exitCode: 64, line)
  }

  /// Values that options do not take, in the words of the command line, where there are no quotes and `none` stands for null.
  static let optionValues: [Refusal] =
    [
      value("batchSize", "batch-size <N|all>", "0", "an integer of at least 1, or all"),
      value("oneOf", "statistics <batch|running>", "mean", "batch or running"),
      value("oneOf", "parameters <file|identity>", "none", "file or identity"),
      value("epsilon", "epsilon <number>", "-1", "a finite number of at least 0"),
      value("epsilon", "epsilon <number>", "nan", "a finite number of at least 0"),
      value(
        "momentum", "momentum <number|none>", "null",
        "a number from 0 to 1, or none for the cumulative average"),
      value("oneOf", "running-variance <unbiased|biased>", "both", "unbiased or biased"),
      value(
        "featureAxis", "feature-axis <axis>", "0",
        "an integer of at least 1, or a negative one that counts from the last axis"),
      value(
        "layerPattern", "layer <glob>", "[a", #"a pattern of group paths such as "encoder/*" or "**/bn[0-9]""#
      ),
      value("threadCount", "threads <count>", "1025", "an integer from 1 to 1024"),
      value(
        "percents", "quantiles <percents>", "15,,85",
        "different numbers from 0 to 100 between commas, such as 15,50,85"),
      value("shard", "shard <I/N>", "4/4", "I/N with I from 0 to N - 1, such as 0/4, or auto"),
      value("byteCount", "memory <size>", "2Gi", "a number of bytes, or a size such as 2G, 512MiB or 1.5GB"),
    ]
    + [["--in", "rank2.h5", "--out", "out.h5"], ["verify", "--in", "rank2.h5", "--against", "rank2.h5"]].map {
      usage(
        $0 + ["--progress", "often"],
        "The value 'often' is invalid for '--progress <auto|always|never>'. Please provide one of 'auto', 'always' or 'never'. "
          + "See bn-stream \($0[0].hasPrefix("-") ? "run" : $0[0]) --help")
    }
    + [
      usage(
        ["--in", "rank2.h5", "--out", "out.h5", "--log-format", "xml"],
        "The value 'xml' is invalid for '--log-format <text|json>'. Please provide one of 'text' and 'json'. See bn-stream run --help"
      )
    ]

  /// - Parameter option: its name and what its value is called.
  private static func value(_ allowed: String, _ option: String, _ text: String, _ words: String) -> Refusal {
    let name = option.prefix { $0 != " " }
    return Refusal(
      "ValueError", "AllowedValue.\(allowed)", options: ["--\(name)", text], exitCode: 64,
      "The value '\(text)' is invalid for '--\(option)': \"\(text)\" is not accepted; it must be \(words); see bn-stream run "
        + "--help")
  }
}
