import Foundation
import HDF5
import TestSupport

/// What only a user without all rights is refused. Where the tests are run by root, the program is run by nobody.
extension Refusal {
  static let unprivileged: [Refusal] =
    guest.map { shell in
      [
        Refusal(
          "StreamError.inputUnreadable", input: locked("in.h5"), shell: shell, exitCode: 66,
          "in.h5: cannot be read: Permission denied; check its permissions, or --in"),
        Refusal(
          "StreamError.outputNotCreated", input: locked("locked"),
          arguments: ["--in", "in.h5", "--out", "locked/out.h5"], shell: shell, exitCode: 73,
          "locked/out.h5: cannot be created: Permission denied; choose another --out, or check the folder's permissions"
        ),
        Refusal(
          "ConfigurationError.file", "FileProblem.noPermission", input: locked("c.json"),
          options: ["--config", "c.json"], shell: shell, exitCode: 78,
          #"cannot read the configuration "c.json" (--config): permission denied; make the file readable"#),
      ]
    } ?? []

  /// The cases that only these rows reach.
  static let unprivilegedCases: Set<String> = ["StreamError.inputUnreadable", "FileProblem.noPermission"]

  /// What calls the program without rights; nil if nothing can, because root's own folders hold the program or its libraries.
  static let guest: String? = {
    if getuid() != 0 { return #"exec "$0""# }
    let shell = #"exec setpriv --reuid 65534 --regid 65534 --clear-groups "$0""#
    let result = try? Program().run(shell: "\(shell) --version")
    return result?.exitCode == 0 ? shell : nil
  }()

  /// A small input in.h5, an empty configuration c.json and an empty folder `locked`, of which one is closed to everybody but
  /// root.
  private static func locked(_ name: String) -> Input {
    .made { program in
      try program.make { try $0.createGroup("layer").addTensors([4, 3]) }
      try program.write("{}", to: "c.json")
      mkdir(program.path("locked"), 0o777)
      // Nobody else is to be kept from writing where the output is to lie.
      chmod(program.path(""), 0o777)
      chmod(program.path(name), name == "locked" ? 0o555 : 0)
    }
  }
}
