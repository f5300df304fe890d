import Foundation

/// The numbers of open files that the program was started with, and those that it may still take.
enum Descriptors {
  /// How many a command has open at once at most: input, output and another input, each through the library and around it; the
  /// output's folder; three of the Dispatch library, which ends the program where it cannot have them; and some to spare. Each further file
  /// that is read as one with the input takes two more.
  static func needed(inputs: Int) -> Int { 13 + 2 * (max(inputs, 1) - 1) }

  /// A limit that is high enough, also beside what a shell and whoever started the command leave open.
  static func enough(inputs: Int) -> Int { needed(inputs: inputs) + 51 }

  /// Opens those of the standard streams that are closed, on `/dev/null`.
  ///
  /// The next file opened has the lowest free number: without this, what is said on a closed stream would go into the output.
  static func openStandardStreams() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) == -1 {
      // Where there is no such file, as in a bare chroot, a folder keeps the number; writing to it fails.
      if open("/dev/null", O_RDWR) == -1 { _ = open("/", O_RDONLY) }
    }
  }

  /// Makes sure that as many files can be opened as a command needs, raising the process's own limit if that helps.
  /// - Throws: `DescriptorsLacking`
  static func reserve(inputs: Int = 1) throws {
    let needed = needed(inputs: inputs)
    if areFree(needed) { return }
    let resource = Int32(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    guard getrlimit(resource, &limit) == 0 else { return }
    limit.rlim_cur = min(limit.rlim_max, max(limit.rlim_cur, 1024 + rlim_t(needed)))
    if setrlimit(resource, &limit) == 0, areFree(needed) { return }
    throw DescriptorsLacking(limit: Int(clamping: limit.rlim_cur), inputs: inputs)
  }

  /// Tries it: files that were open when the program started count, too.
  private static func areFree(_ count: Int) -> Bool {
    var taken: [Int32] = []
    defer { for descriptor in taken { close(descriptor) } }
    while taken.count < count {
      let descriptor = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
      if descriptor == -1 { return false }
      taken.append(descriptor)
    }
    return true
  }
}

/// Too few files may be open at once.
struct DescriptorsLacking: Error {
  /// How many may be.
  let limit: Int
  /// The input files that are read as one.
  let inputs: Int
}
