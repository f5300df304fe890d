import Foundation

/// The sanitizers that a build can have.
public enum Sanitizer {
  /// True if this build has one: its memory is then not the program's alone.
  public static let isPresent: Bool = {
    let program = dlopen(nil, RTLD_NOW)
    return dlsym(program, "__asan_init") != nil || dlsym(program, "__tsan_init") != nil
  }()
}
