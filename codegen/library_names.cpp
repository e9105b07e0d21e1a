#include "codegen/library_names.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string>

namespace descent::codegen {
namespace {

// Functions, variables, types and macros of C, POSIX and the GNU C library that are one word of small letters.
constexpr std::string_view words = R"(
a64l abort abs accept accept4 access acct acos acosf acosh acoshf acoshl acosl addrinfo adjtime advance aiocb alarm
alphasort arc4random asctime asin asinf asinh asinhf asinhl asinl asprintf atan atan2 atan2f atan2l atanf atanh atanhf
atanhl atanl atof atoi atol atoll basename bcmp bcopy bind bindresvport bindtextdomain brk bsearch btowc bzero
c16rtomb c32rtomb c8rtomb calloc canonicalize canonicalizef canonicalizel cbrt cbrtf cbrtl ceil ceilf ceill
cfgetispeed cfgetospeed cfmakeraw cfsetispeed cfsetospeed cfsetspeed chdir chmod chown chroot clearenv clearerr clock
clog clone close closedir closefrom closelog cmsghdr confstr conj connect copysign copysignf copysignl cos cosf cosh
coshf coshl cosl creat ctermid ctime cuserid daddl daemon daylight dcgettext dcngettext ddivl dfmal dgettext difftime
dirent dirfd dirname div dladdr dladdr1 dlclose dlerror dlinfo dlmopen dlopen dlsym dlvsym dmull dngettext dprintf
drand48 drem dremf dreml dsqrtl dsubl dup dup2 dup3 duplocale dysize eaccess ecvt endgrent endhostent endnetent
endnetgrent endprotoent endpwent endrpcent endservent endusershell entry environ erand48 erf erfc erfcf erfcl erff
erfl err errno error euidaccess execl execle execlp execv execve execveat execvp execvpe exit exp exp10 exp10f exp10l
exp2 exp2f exp2l expf expl expm1 expm1f expm1l fabs fabsf fabsl faccessat fadd faddl fallocate fchdir fchmod fchmodat
fchown fchownat fclose fcloseall fcntl fcvt fdatasync fdim fdimf fdiml fdiv fdivl fdopen fdopendir feclearexcept
fedisableexcept feenableexcept fegetenv fegetexcept fegetexceptflag fegetmode fegetround feholdexcept feof
feraiseexcept ferror fesetenv fesetexcept fesetexceptflag fesetmode fesetround fetestexcept fetestexceptflag
feupdateenv fexecve fflush ffma ffmal ffs ffsl ffsll fgetc fgetgrent fgetpos fgetpwent fgets fgetwc fgetws fileno
finite finitef finitel flock flockfile floor floorf floorl fma fmaf fmal fmax fmaxf fmaximum fmaximumf fmaximuml fmaxl
fmaxmag fmaxmagf fmaxmagl fmemopen fmin fminf fminimum fminimumf fminimuml fminl fminmag fminmagf fminmagl fmod fmodf
fmodl fmul fmull fopen fopencookie fork fpathconf fprintf fputc fputs fputwc fputws fread free freeaddrinfo freelocale
freopen frexp frexpf frexpl fromfp fromfpf fromfpl fromfpx fromfpxf fromfpxl fscanf fseek fseeko fsetpos fsqrt fsqrtl
fstat fstatat fsub fsubl fsync ftell ftello ftruncate ftrylockfile ftw funlockfile futimens futimes futimesat fwide
fwprintf fwrite fwscanf gamma gammaf gammal gcvt getaddrinfo getc getchar getcpu getcwd getdate getdelim getdirentries
getdomainname getdtablesize getegid getentropy getenv geteuid getgid getgrent getgrgid getgrnam getgrouplist getgroups
gethostbyaddr gethostbyname gethostbyname2 gethostent gethostid gethostname getipv4sourcefilter getitimer getline
getloadavg getlogin getnameinfo getnetbyaddr getnetbyname getnetent getnetgrent getopt getpagesize getpass getpayload
getpayloadf getpayloadl getpeername getpgid getpgrp getpid getppid getpriority getprotobyname getprotobynumber
getprotoent getpt getpw getpwent getpwnam getpwuid getresgid getresuid getrlimit getrpcbyname getrpcbynumber getrpcent
getrusage getservbyname getservbyport getservent getsid getsockname getsockopt getsourcefilter getsubopt gettext
gettid gettimeofday getuid getusershell getw getwc getwchar getwd glob globfree gmtime grantpt group gsignal hcreate
hdestroy herror hostent hsearch hstrerror htonl htons hypot hypotf hypotl ilogb ilogbf ilogbl imaxabs imaxdiv index
initgroups initstate innetgr insque ioctl iovec iruserok isalnum isalpha isascii isatty isblank iscntrl isctype
isdigit isfdtype isgraph isinf isinff isinfl islower isnan isnanf isnanl isprint ispunct isspace isupper iswalnum
iswalpha iswblank iswcntrl iswctype iswdigit iswgraph iswlower iswprint iswpunct iswspace iswupper iswxdigit isxdigit
itimerspec itimerval j0 j0f j0l j1 j1f j1l jn jnf jnl jrand48 kill killpg l64a labs lchmod lchown lcong48 lconv ldexp
ldexpf ldexpl ldiv lfind lgamma lgammaf lgammal linger link linkat linux listen llabs lldiv llogb llogbf llogbl llrint
llrintf llrintl llround llroundf llroundl localeconv localtime lockf log log10 log10f log10l log1p log1pf log1pl log2
log2f log2l logb logbf logbl logf logl longjmp lrand48 lrint lrintf lrintl lround lroundf lroundl lsearch lseek lstat
lutimes madvise main malloc mblen mbrlen mbrtoc16 mbrtoc32 mbrtoc8 mbrtowc mbsinit mbsnrtowcs mbsrtowcs mbstowcs
mbtowc memccpy memchr memcmp memcpy memfrob memmem memmove mempcpy memrchr memset mincore mkdir mkdirat mkdtemp mkfifo
mkfifoat mknod mknodat mkostemp mkostemps mkstemp mkstemps mktemp mktime mlock mlock2 mlockall mmap mmsghdr modf modff
modfl mprotect mrand48 mremap msghdr msync munlock munlockall munmap nan nanf nanl nanosleep nearbyint nearbyintf
nearbyintl netent newlocale nextafter nextafterf nextafterl nextdown nextdownf nextdownl nexttoward nexttowardf
nexttowardl nextup nextupf nextupl ngettext nice nrand48 ntohl ntohs obstack open openat opendir openlog optarg opterr
optind optopt passwd pathconf pause pclose perror pipe pipe2 poll pollfd popen pow powf powl ppoll pread preadv
preadv2 preadv64v2 printf prlimit profil protoent pselect psiginfo psignal ptsname putc putchar putenv putgrent
putpwent puts putw putwc putwchar pwrite pwritev pwritev2 pwritev64v2 qecvt qelem qfcvt qgcvt qsort raise rand random
rawmemchr rcmd read readahead readdir readlink readlinkat readv realloc reallocarray realpath recv recvfrom recvmmsg
recvmsg regcomp regerror regexec regfree remainder remainderf remainderl remove remque remquo remquof remquol rename
renameat renameat2 revoke rewind rewinddir rexec rindex rint rintf rintl rlimit rmdir round roundeven roundevenf
roundevenl roundf roundl rpcent rpmatch rresvport rusage ruserok sbrk scalb scalbf scalbl scalbln scalblnf scalblnl
scalbn scalbnf scalbnl scandir scandirat scanf seed48 seekdir select send sendmmsg sendmsg sendto servent setbuf
setbuffer setdomainname setegid setenv seteuid setgid setgrent setgroups sethostent sethostid sethostname
setipv4sourcefilter setitimer setjmp setlinebuf setlocale setlogin setlogmask setnetent setnetgrent setns setpayload
setpayloadf setpayloadl setpayloadsig setpayloadsigf setpayloadsigl setpgid setpgrp setpriority setprotoent setpwent
setregid setresgid setresuid setreuid setrlimit setrpcent setservent setsid setsockopt setsourcefilter setstate
settimeofday setuid setusershell setvbuf shutdown sigaction sigaddset sigaltstack sigandset sigblock sigcontext
sigdelset sigemptyset sigevent sigfillset siggetmask sighold sigignore siginterrupt sigisemptyset sigismember
siglongjmp signal signgam significand significandf significandl sigorset sigpause sigpending sigprocmask sigqueue
sigrelse sigreturn sigset sigsetmask sigstack sigsuspend sigtimedwait sigval sigwait sigwaitinfo sin sincos sincosf
sincosl sinf sinh sinhf sinhl sinl sleep snprintf sockaddr sockatmark socket socketpair splice sprintf sqrt sqrtf
sqrtl srand srand48 srandom sscanf ssignal stat statx std stderr stdin stdout stpcpy stpncpy strcasecmp strcasestr
strcat strchr strchrnul strcmp strcoll strcpy strcspn strdup strerror strfromd strfromf strfroml strfry strftime
strlen strncasecmp strncat strncmp strncpy strndup strnlen strpbrk strptime strrchr strsep strsignal strspn strstr
strtod strtof strtoimax strtok strtol strtold strtoll strtoq strtoul strtoull strtoumax strtouq strverscmp strxfrm
swab swprintf swscanf symlink symlinkat sync syncfs syscall sysconf syslog system tan tanf tanh tanhf tanhl tanl
tcdrain tcflow tcflush tcgetattr tcgetpgrp tcgetsid tcsendbreak tcsetattr tcsetpgrp tdelete tdestroy tee telldir
tempnam termio termios textdomain tfind tgamma tgammaf tgammal tgkill time timegm timelocal timespec timeval timex
timezone tm tmpfile tmpnam toascii tolower totalorder totalorderf totalorderl totalordermag totalordermagf
totalordermagl toupper towctrans towlower towupper trunc truncate truncf truncl tsearch ttyname ttyslot twalk tzname
tzset ualarm ucred ufromfp ufromfpf ufromfpl ufromfpx ufromfpxf ufromfpxl uint ulong umask ungetc ungetwc unix unlink
unlinkat unlockpt unsetenv unshare uselocale ushort usleep utimbuf utime utimensat utimes valloc vasprintf vdprintf
versionsort vfork vfprintf vfscanf vfwprintf vfwscanf vhangup vmsplice vprintf vscanf vsnprintf vsprintf vsscanf
vswprintf vswscanf vsyslog vwprintf vwscanf wait wait3 wait4 waitid waitpid wcpcpy wcpncpy wcrtomb wcscasecmp wcscat
wcschr wcschrnul wcscmp wcscoll wcscpy wcscspn wcsdup wcsftime wcslen wcsncasecmp wcsncat wcsncmp wcsncpy wcsnlen
wcsnrtombs wcspbrk wcsrchr wcsrtombs wcsspn wcsstr wcstod wcstof wcstoimax wcstok wcstol wcstold wcstoll wcstombs
wcstoq wcstoul wcstoull wcstoumax wcstouq wcswcs wcswidth wcsxfrm wctob wctomb wctrans wctype wcwidth winsize wmemchr
wmemcmp wmemcpy wmemmove wmempcpy wmemset wprintf write writev wscanf y0 y0f y0l y1 y1f y1l yn ynf ynl
)";

// What functions of theirs begin with that end like one of a model's: timer_create, sem_init.
constexpr std::string_view families[] = {"aio", "cnd", "mtx", "pthread", "sem", "thrd", "timer", "tss"};

std::set<std::string_view> set_of(std::string_view text) {
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  std::set<std::string_view> found;
  for (auto at = text.begin(); at != text.end();) {
    const auto begin = std::find_if_not(at, text.end(), is_space);
    at = std::find_if(begin, text.end(), is_space);
    if (begin != at) found.insert(std::string_view(begin, at));
  }
  return found;
}

}  // namespace

bool is_library_name(std::string_view name) {
  static const std::set<std::string_view> known = set_of(words);
  return known.count(name) > 0;
}

bool is_library_family(std::string_view name) {
  return std::find(std::begin(families), std::end(families), name) != std::end(families);
}

}  // namespace descent::codegen
