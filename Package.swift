// swift-tools-version: 6.2

import PackageDescription

// Strict settings for every target: the newest language rules, and no warning left standing.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "turnup",
    products: [
        .executable(name: "turnup", targets: ["turnup"]),
        // For the package in Benchmarks/.
        .library(name: "Postgres", targets: ["Postgres"]), .library(name: "LocalPostgres", targets: ["LocalPostgres"]),
        .library(name: "WorkerParts", targets: ["WorkflowCore", "Vault", "EventStore", "HTTPActions", "Worker"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", exact: "6.2.2"),
        .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
        // For `make docs` alone.
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", exact: "1.5.0"),
    ],
    targets: [
        .systemLibrary(name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .target(
            name: "Postgres",
            dependencies: [
                "CLibpq", .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        .target(name: "WorkflowCore", swiftSettings: strict),
        .target(
            name: "WorkflowFiles",
            dependencies: ["WorkflowCore", .product(name: "Yams", package: "Yams")],
            swiftSettings: strict),
        .target(name: "AmazonStates", dependencies: ["WorkflowCore", "WorkflowFiles"], swiftSettings: strict),
        .target(
            name: "Vault",
            dependencies: ["WorkflowCore", .product(name: "Crypto", package: "swift-crypto")],
            swiftSettings: strict),
        .target(
            name: "EventStore",
            dependencies: [
                "WorkflowCore", "Postgres", "Vault", .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.embedInCode("SQL")],
            swiftSettings: strict),
        .target(
            name: "HTTPActions",
            dependencies: [
                "WorkflowCore", "Vault",
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: strict),
        // The worker's pure part, apart so that the compiler keeps it pure and the simulation builds without the rest.
        .target(
            name: "WorkerMachines", dependencies: ["WorkflowCore"], path: "Sources/Worker/Machines",
            swiftSettings: strict),
        .target(
            name: "Worker",
            dependencies: [
                "WorkerMachines", "WorkflowCore", "EventStore", "HTTPActions", "Vault", "Diagnostics",
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            exclude: ["Machines"],
            swiftSettings: strict),
        .target(
            name: "Diagnostics",
            dependencies: ["WorkflowCore", "EventStore"],
            swiftSettings: strict),
        .target(
            name: "PlatformSimulator",
            dependencies: [
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .target(name: "LocalPostgres", swiftSettings: strict),
        .executableTarget(
            name: "turnup",
            dependencies: [
                "WorkflowCore", "WorkflowFiles", "AmazonStates", "Vault", "Postgres", "EventStore", "HTTPActions",
                "Worker",
                "Diagnostics", "PlatformSimulator", "LocalPostgres",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "AsyncHTTPClient", package: "async-http-client"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "Logging", package: "swift-log"),
            ],
            resources: [.embedInCode("Workflows")],
            swiftSettings: strict),
        .target(
            name: "TestSupport",
            dependencies: ["WorkflowCore", "Vault", "Postgres", "EventStore", "LocalPostgres"],
            swiftSettings: strict),
        .executableTarget(
            name: "Simulation", dependencies: ["WorkerMachines", "WorkflowCore"], path: "Tests/Simulation",
            exclude: ["regressions.txt"],
            swiftSettings: strict),
        .testTarget(name: "WorkflowCoreTests", dependencies: ["WorkflowCore"], swiftSettings: strict),
        .testTarget(
            name: "WorkflowFilesTests", dependencies: ["WorkflowFiles", "WorkflowCore"], exclude: ["Corpus"],
            swiftSettings: strict),
        .testTarget(
            name: "AmazonStatesTests", dependencies: ["AmazonStates", "WorkflowFiles", "WorkflowCore"],
            swiftSettings: strict),
        .testTarget(
            name: "WorkerMachinesTests", dependencies: ["WorkerMachines", "WorkflowCore"], swiftSettings: strict),
        .testTarget(
            name: "DiagnosticsTests", dependencies: ["Diagnostics", "EventStore", "WorkflowCore"],
            swiftSettings: strict),
        .testTarget(name: "VaultTests", dependencies: ["Vault", "WorkflowCore"], swiftSettings: strict),
        .testTarget(
            name: "PostgresTests", dependencies: ["Postgres", "LocalPostgres", "TestSupport"], swiftSettings: strict),
        .testTarget(name: "LocalPostgresTests", dependencies: ["LocalPostgres"], swiftSettings: strict),
        .testTarget(
            name: "EventStoreTests",
            dependencies: ["EventStore", "WorkflowCore", "Vault", "Postgres", "TestSupport"], swiftSettings: strict),
        .testTarget(
            name: "HTTPActionsTests",
            dependencies: [
                "HTTPActions", "WorkflowCore", "Vault", .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], swiftSettings: strict),
        .testTarget(
            name: "WorkerTests",
            dependencies: [
                "Worker", "EventStore", "HTTPActions", "Postgres", "Vault", "WorkflowCore", "TestSupport",
                "Diagnostics",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ], swiftSettings: strict),
        .testTarget(name: "PlatformSimulatorTests", dependencies: ["PlatformSimulator"], swiftSettings: strict),
        .testTarget(name: "HouseTests", swiftSettings: strict),
        .testTarget(
            name: "ScenarioTests",
            dependencies: [
                "turnup", "EventStore", "PlatformSimulator", "Postgres", "TestSupport", "Vault", "WorkflowCore",
                "WorkflowFiles",
            ], swiftSettings: strict),
        .testTarget(
            name: "FaultTests",
            dependencies: [
                "ScenarioTests", "EventStoreTests", "turnup", "EventStore", "LocalPostgres", "PlatformSimulator",
                "Postgres", "TestSupport", "Vault", "Worker", "WorkflowCore",
                .product(name: "Logging", package: "swift-log"),
            ], exclude: ["syscall-sweep"], swiftSettings: strict),
    ],
    swiftLanguageModes: [.v6]
)
