import Foundation
import TestSupport
import Testing

@Suite("Rules that the sources keep", .timeLimit(.minutes(30)))
struct SourceRuleTests {
  @Test("what the compiler does not check for data races is in Parallel alone", arguments: Project.sources)
  func unchecked(_ file: ProjectFile) {
    guard file.target != "Parallel" else { return }
    // `@unchecked Sendable`, `@preconcurrency`, `nonisolated(unsafe)`
    let found = file.tokens.words.intersection(["unchecked", "preconcurrency", "nonisolated"])
    #expect(found.isEmpty, "\(file.path): put it into Sources/Parallel, with the reason why it is right")
  }

  /// `Guarded` tells the thread sanitizer who came before whom; other locks do not, and what lies behind them would look
  /// like a race, or hide one.
  @Test("no lock is taken but by Guarded", arguments: Project.sources)
  func locks(_ file: ProjectFile) {
    let allowed: [String: Set<String>] = [
      "Sources/Parallel/Guarded.swift": ["Mutex"],
      // What waits there is guarded by `Guarded`; the condition only wakes.
      "Sources/Parallel/OrderedDelivery.swift": ["NSCondition"],
      // Work is ordered by atomic numbers, which the sanitizer sees.
      "Sources/Parallel/WorkerPool.swift": ["DispatchQueue"],
    ]
    let known: Set = [
      "Mutex", "OSAllocatedUnfairLock", "NSLock", "NSRecursiveLock", "NSConditionLock", "NSCondition",
      "DispatchQueue", "DispatchSemaphore", "DispatchGroup",
    ]
    let beginnings = [
      "os_unfair_lock", "sem_", "pthread_mutex", "pthread_rwlock", "pthread_spin", "pthread_cond",
    ]
    let found = file.tokens.words.filter { word in
      known.contains(word) || beginnings.contains { word.hasPrefix($0) }
    }.subtracting(allowed[file.path] ?? [])
    #expect(found.isEmpty, "\(file.path) uses \(found); use Guarded, of Sources/Parallel")
  }

  @Test("threads are started by the pool, and by the display of progress", arguments: Project.sources)
  func threads(_ file: ProjectFile) {
    let allowed: [String: Set<String>] = [
      "Sources/Parallel/WorkerPool.swift": ["concurrentPerform"],
      "Sources/bn-stream/Terminal/ProgressDisplay.swift": ["detachNewThread"],
    ]
    let found = file.tokens.words
      .intersection(["concurrentPerform", "detachNewThread", "pthread_create", "async", "Task"])
      .subtracting(allowed[file.path] ?? [])
    #expect(found.isEmpty, "\(file.path) uses \(found)")
  }

  @Test("calls of the HDF5 library are in HDF5 alone", arguments: Project.sources)
  func libraryCalls(_ file: ProjectFile) {
    guard file.target != "HDF5" else { return }
    let found = file.tokens.words.filter { $0 == "CHDF5" || $0.wholeMatch(of: #/H5[A-Z]\w+/#) != nil }
    #expect(found.isEmpty, "\(file.path) uses \(found)")
  }

  @Test("system calls on files are in SystemFileCalls alone", arguments: Project.sources)
  func fileCalls(_ file: ProjectFile) {
    let allowed: [String: Set<String>] = ["Sources/LayerFiles/FileStatus.swift": ["Stat"]]
    guard file.path != "Sources/LayerFiles/SystemFileCalls.swift" else { return }
    let calls: Set = [
      "fsync", "fdatasync", "flock", "statvfs", "realpath", "pread", "pwrite", "ftruncate", "fallocate",
      "posix_fallocate", "posix_fadvise", "sync_file_range", "mmap", "Stat", "CFile",
    ]
    let found = file.tokens.words.intersection(calls).subtracting(allowed[file.path] ?? [])
    #expect(found.isEmpty, "\(file.path) uses \(found); go through FileCalls, of Sources/LayerFiles")
  }

  /// HDF5's own error describes what the library said, for a program's own words to build on.
  static let describedElsewhere: Set = ["HDF5Error"]

  /// Errors and warnings.
  static let errorTypes: Set<String> = {
    let errors = Project.sources.flatMap(\.tokens.conformances)
      .filter { $0.to.contains("Error") || $0.to.contains("ReportableError") }.map(\.name)
    return Set(errors).union(["StreamWarning"]).subtracting(describedElsewhere)
  }()

  @Test("words for people, and exit codes, are in bn-stream alone", arguments: Project.sources)
  func words(_ file: ProjectFile) {
    guard file.target != "bn-stream" else { return }
    for (name, protocols) in file.tokens.conformances
    where !protocols.isDisjoint(with: ["CustomStringConvertible", "LocalizedError"]) {
      #expect(
        !Self.errorTypes.contains(name),
        "\(file.path): the words of \(name) belong to Sources/bn-stream/Words")
    }
    let found = file.tokens.words.intersection(["ExitStatus", "exit", "_exit", "print"])
    #expect(found.isEmpty, "\(file.path) uses \(found)")
  }

  /// What is skipped is counted by its reason at the end of `tools/test`.
  @Test("a test that can be skipped says why")
  func reasons() throws {
    let files = Project.files(in: "Tests/", endingWith: ".swift")
    #expect(files.count > 100)
    var conditions = 0
    for file in files {
      let text = try file.text
      for match in text.matches(of: #/\.(?:enabled|disabled)\(\s*if:/#) {
        conditions += 1
        // Up to the parenthesis that closes it.
        var depth = 1
        let arguments = text[match.range.upperBound...].prefix { character in
          depth += character == "(" ? 1 : character == ")" ? -1 : 0
          return depth > 0
        }
        #expect(arguments.contains("\""), "\(file.path): \(match.output)\(arguments)) has no reason")
      }
    }
    #expect(conditions > 10)
  }

  @Test("no file names a path of somebody's machine")
  func paths() throws {
    let files =
      Project.files(endingWith: ".swift", ".md", ".py", ".json", ".c", ".h", ".modulemap")
      + Project.files(in: "tools/", endingWith: "").filter {
        !$0.name.contains(".") && !$0.path.hasSuffix("/")
      }
      + Project.files(in: ".ci/", endingWith: "run")
    #expect(files.count > 200)
    for file in files {
      let text = try file.text
      #expect(!text.contains(Repository.url.path + "/"), "\(file.path)")
      let found = text.firstMatch(of: #/(?:^|[\s"'`(=:])\/(?:home|Users|root)\/\w+/#)
      let name = found.map { String($0.0) }
      #expect(name == nil, "\(file.path)")
    }
  }
}
