import Foundation

/// The sanitizers that a build can have.
public enum Sanitizer {
  /// True if this build has one: its memory is then not the program's alone.
  public static let isPresent = looksForRaces || dlsym(dlopen(nil, RTLD_NOW), "__asan_init") != nil

  /// True if this build has the one that looks for races.
  public static let looksForRaces = dlsym(dlopen(nil, RTLD_NOW), "__tsan_init") != nil
}

extension Array {
  /// All of a test's arguments; each third where the thread sanitizer looks for races, which is slow and needs each way that threads meet once.
  public var orEachThirdForRaces: [Element] {
    Sanitizer.looksForRaces ? stride(from: 0, to: count, by: 3).map { self[$0] } : self
  }
}
