using Berth.Abstractions;

namespace Berth.Containers.Spec;

/// <summary>libseccomp's names of architectures: seccomp_arch_add(3).</summary>
internal static class SeccompArchitecture
{
    /// <param name="architecture">As GOARCH.</param>
    internal static string Native(string architecture) => architecture switch
    {
        "amd64" => "SCMP_ARCH_X86_64",
        "386" => "SCMP_ARCH_X86",
        "arm64" => "SCMP_ARCH_AARCH64",
        "arm" => "SCMP_ARCH_ARM",
        "s390x" => "SCMP_ARCH_S390X",
        "ppc64le" => "SCMP_ARCH_PPC64LE",
        "riscv64" => "SCMP_ARCH_RISCV64",
        "loong64" => "SCMP_ARCH_LOONGARCH64",
        _ => throw new RuntimeException(RuntimeErrorCode.NotSupported, $"seccomp profiles are not supported on {architecture}"),
    };

    /// <summary>The architectures whose system calls a kernel of the native one serves.</summary>
    internal static IReadOnlySet<string> Family(string native) => native switch
    {
        "SCMP_ARCH_X86_64" => new HashSet<string> { native, "SCMP_ARCH_X86", "SCMP_ARCH_X32" },
        "SCMP_ARCH_AARCH64" => new HashSet<string> { native, "SCMP_ARCH_ARM" },
        "SCMP_ARCH_S390X" => new HashSet<string> { native, "SCMP_ARCH_S390" },
        _ => new HashSet<string> { native },
    };
}
