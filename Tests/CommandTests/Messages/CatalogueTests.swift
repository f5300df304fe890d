import TestSupport
import Testing

/// The tables of errors and warnings are whole: what the source declares has a row, or a reason for having none.
@Suite(.timeLimit(.minutes(30))) struct CatalogueTests {
  /// The enumerations of everything that a user may be told.
  static let enumerations = [
    "StreamError", "MemoryUse", "Overflow", "OffsetsProblem", "LabelsProblem", "FileDifference",
    "ChunkCodecError",
    "InspectionError",
    "ExplainError", "ReportError",
    "ConfigurationError",
    "WorkerDeath",
    "FileProblem", "JSONSyntaxProblem", "Expectation", "AllowedValue", "StreamWarning", "SkipReason",
    "LinkEnd", "SettingPlace",
  ]

  /// Cases that no test can provoke through the command, and why.
  static let exempt = [
    "StreamError.readFailed": "only a failing disk gives EIO to pread on a regular file",
    "ChunkCodecError.outOfMemory": "libdeflate allocates some kilobytes; no limit stops just these",
    "StreamError.suspended": "only a run that is interrupted after its first record; see ContinuationTests",
    "LinkEnd.object": "only what is no dataset, which is notADataset",
    "ExplainError.noLAPACK": "only where LAPACK is not installed",
    "StreamWarning.inputNotLocked": "only a file system without locks, such as some of NFS and FUSE",
  ].merging(
    Refusal.guest == nil
      ? Refusal.unprivilegedCases.map { ($0, "root's own folders hold the program, so nobody can run it") }
      : []
  ) { $1 }.merging(
    Sanitizer.isPresent
      ? Dictionary(
        uniqueKeysWithValues: ["crashed", "killed", "libraryCrashed", "libraryLoops"].map {
          ("WorkerDeath.\($0)", "a sanitizer has its own words for a fault")
        })
      : [:]
  ) { $1 }.merging(
    !HDF5Version.isOld
      ? [
        "WorkerDeath.libraryCrashed": "this HDF5 library refuses the file",
        "WorkerDeath.libraryLoops": "this HDF5 library refuses the file",
      ] : [:]
  ) { $1 }.merging(
    Refusal.smallDisk == nil ? [Refusal.fullDiskCase: "nobody here may mount a small disk"] : [:]
  ) { $1 }

  /// Rows that not every machine can try are not left out in silence.
  @Test(.enabled(if: Refusal.guest != nil, "nobody but root can run the program where it lies"))
  func anotherUserIsRefused() {
    #expect(Set(Refusal.unprivileged.flatMap(\.cases)).isSuperset(of: Refusal.unprivilegedCases))
  }

  @Test(.enabled(if: Refusal.smallDisk != nil, "nobody here may mount a small disk"))
  func aSmallDiskIsTooSmall() {
    #expect(Refusal.outputs.contains { $0.cases.contains(Refusal.fullDiskCase) })
  }

  /// Error types that are no enumerations: what a user sees of them.
  static let otherErrors = [
    "HDF5Error": "in libraryReadFailed, libraryWriteFailed and inputDamaged",
    "ValueError": "on the command line, with each AllowedValue that an option has",
    "OutputLost": "itself",
    "DescriptorsLacking": "itself",
    "OutOfMemory": "as outOfMemory",
    "BatchNormLayerError": "of the library's façade, which the program does not use",
    "MomentRecordError": "of written moments, which no command reads yet",
    "PartialMomentsError": "of moments of parts, which no command joins yet",
    "Superseded": "ends a slice whose error another one comes before",
    "MemoryLimitExceeded": "a bug: a plan that forgets something",
    "Cancelled": "as interrupted",
    "Hopeless": "ends a comparison of verify, which goes on with the next",
    "Malformed": "of records, which then count for nothing",
    "JSONSyntaxFailure": "as the JSONSyntaxProblem that it holds",
  ]

  static let reached = Set(
    Refusal.all.flatMap(\.cases) + Warning.all.flatMap { [$0.name, $0.also].compactMap { $0 } })

  @Test(arguments: enumerations)
  func everyCaseHasARow(enumeration: String) throws {
    let cases = try #require(
      SourceDeclarations().cases(of: enumeration), "no file, or more than one, declares it")
    let declared = Set(cases.map { "\(enumeration).\($0.name)" })
    #expect(!declared.isEmpty)
    let exempt = Set(Self.exempt.keys).filter { $0.hasPrefix("\(enumeration).") }
    let rows = Self.reached.filter { $0.hasPrefix("\(enumeration).") }
    #expect(declared.subtracting(rows).subtracting(exempt).sorted() == [], "have neither a row nor a reason")
    #expect(rows.subtracting(declared).sorted() == [], "have a row, but do not exist")
    #expect(exempt.subtracting(declared).sorted() == [], "have a reason, but do not exist")
  }

  @Test func everyErrorTypeIsKnown() throws {
    let declared = try SourceDeclarations().errorTypes
    let known = Set(Self.enumerations).union(Self.otherErrors.keys)
    #expect(declared.subtracting(known).sorted() == [], "have no rows: add them to the enumerations")
    #expect(Set(Self.otherErrors.keys).subtracting(declared).sorted() == [], "do not exist")
    #expect(Self.reached.isSuperset(of: ["OutputLost", "DescriptorsLacking", "ValueError"]))
  }

  @Test func everyRowNamesSomethingThatIsCounted() {
    let known = Self.enumerations + ["OutputLost", "DescriptorsLacking", "ValueError", "ExitStatus"]
    let unknown = Self.reached.filter { name in !known.contains { "\(name).".hasPrefix("\($0).") } }
    #expect(unknown.sorted() == [])
  }

  @Test func everyExitCodeIsReached() throws {
    let cases = try #require(SourceDeclarations().cases(of: "ExitStatus"))
    #expect(cases.count > 5)
    let reached = Set(Refusal.all.map { Int($0.exitCode) })
    // A disagreement is a result, not a refusal; InspectionCommandTests reach it.
    for (name, code) in cases where !["done", "disagreement"].contains(name) {
      #expect(code.map(reached.contains) == true, "\(name)")
    }
    #expect(reached.subtracting(cases.compactMap(\.rawValue)) == [])
  }

  /// What subcommands themselves find wrong with their options.
  @Test func everyUsageErrorHasARow() throws {
    let texts = try SourceDeclarations().validationErrors
    #expect(texts.count > 5)
    let lines = Refusal.usage.map(\.line.description)
    for text in texts {
      #expect(lines.contains { $0.range(of: text, options: .regularExpression) != nil }, "\(text)")
    }
  }

  /// All that an option may not be: each that takes something other than any text has a value that is refused.
  @Test func everyOptionRefusesSomething() throws {
    let lines = (Refusal.usage + Refusal.optionValues).map(\.line.description)
    let anyText = ["in", "out", "config", "against", "report", "html", "write-golden", "golden-arrays"]
    for command in try ProgramHelp().commands {
      for option in command.options where option.takesValue && !anyText.contains(option.name) {
        #expect(
          lines.contains { $0.contains("is invalid for '--\(option.name) <") },
          "\(command.name) --\(option.name)")
      }
    }
  }
}
