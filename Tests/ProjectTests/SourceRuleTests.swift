import Foundation
import TestSupport
import Testing

@Suite("Rules that the sources keep")
struct SourceRuleTests {
  @Test("what the compiler does not check for data races is in Parallel alone", arguments: Project.sources)
  func unchecked(_ file: ProjectFile) throws {
    guard file.target != "Parallel" else { return }
    let found = try file.code.firstMatch(of: #/@unchecked|nonisolated\(unsafe\)|@preconcurrency/#)
    #expect(found == nil, "\(file.path): put it into Sources/Parallel, with the reason why it is right")
  }

  /// `Guarded` tells the thread sanitizer who came before whom; other locks do not, and what lies behind them would look
  /// like a race, or hide one.
  @Test("no lock is taken but by Guarded", arguments: Project.sources)
  func locks(_ file: ProjectFile) throws {
    // What waits there is guarded by `Guarded`; the condition only wakes.
    let own = ["Sources/Parallel/Guarded.swift", "Sources/Parallel/OrderedDelivery.swift"]
    guard !own.contains(file.path) else { return }
    let found = try file.code.firstMatch(
      of:
        #/\b(Mutex|OSAllocatedUnfairLock|NS\w*Lock|NSCondition|os_unfair_lock|pthread_(mutex|rwlock|spin|cond)\w*|Dispatch(Queue|Semaphore|Group)|sem_\w+)\b/#
    )
    guard file.path != "Sources/Parallel/WorkerPool.swift" || found?.1 != "DispatchQueue" else { return }
    #expect(found == nil, "\(file.path) uses \(found?.0 ?? ""); use Guarded, of Sources/Parallel")
  }

  @Test("calls of the HDF5 library are in HDF5 alone", arguments: Project.sources)
  func libraryCalls(_ file: ProjectFile) throws {
    guard file.target != "HDF5" else { return }
    #expect(
      try file.code.firstMatch(of: #/\bH5[A-Z]{1,2}[a-z]\w*\s*\(|\bimport CHDF5\b/#) == nil, "\(file.path)")
  }

  @Test("threads are started by the pool, and by the display of progress", arguments: Project.sources)
  func threads(_ file: ProjectFile) throws {
    let own = ["Sources/Parallel/WorkerPool.swift", "Sources/bn-stream/Terminal/ProgressDisplay.swift"]
    guard !own.contains(file.path) else { return }
    let found = try file.code.firstMatch(
      of: #/\bThread\(|detachNewThread|concurrentPerform|pthread_create|\bTask\s*(\.detached)?\s*\{/#)
    #expect(found == nil, "\(file.path)")
  }

  /// HDF5's own error describes what the library said, for a program's own words to build on.
  static let describedElsewhere: Set = ["HDF5Error"]

  static let errorTypes: Set<String> = {
    var types: Set = ["StreamWarning"]
    for file in Project.sources {
      for match in ((try? file.code) ?? "").matches(
        of: #/(?:struct|enum|class)\s+(\w+)\s*:[^{]*\b\w*Error\b[^{]*\{/#)
      {
        types.insert(String(match.1))
      }
    }
    return types.subtracting(describedElsewhere)
  }()

  @Test("words for people, and exit codes, are in bn-stream alone", arguments: Project.sources)
  func words(_ file: ProjectFile) throws {
    guard file.target != "bn-stream" else { return }
    let code = try file.code
    for match in code.matches(
      of: #/(?:extension|struct|enum|class)\s+(\w+)\s*:[^{]*\b(?:CustomStringConvertible|LocalizedError)\b/#)
    {
      #expect(
        !Self.errorTypes.contains(String(match.1)),
        "\(file.path): the words of \(match.1) belong to Sources/bn-stream/Words")
    }
    #expect(code.firstMatch(of: #/\bExitStatus\b|\b_?exit\(|\bprint\(/#) == nil, "\(file.path)")
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
      #expect(found == nil, "\(file.path) names \(found?.0 ?? "")")
    }
  }
}
