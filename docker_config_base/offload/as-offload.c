/* Runs one of the offload's programs as the user "offload", who alone can read the credentials: installed set-uid to that user, and
 * for the proxy's group only. The real user stays the proxy's, so that the supervisor can signal it. In a container with
 * no-new-privileges the kernel changes no user, and all else works the same.
 *
 * What it runs, and what of the environment it passes on, is fixed: whoever is the proxy's user must not be able to make that user run
 * anything else. So no variable that names a file with commands in it (AWS_CONFIG_FILE: credential_process) is passed on, and no file
 * with a token that is the credentials' (it would be sent). What it guards against and what not: docs/decisions/0010-offload.md. */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const PROGRAMS[][2] = {
    {"offload", "offload"},
    {"cloudwatch-agent", "offload.cloudwatch_agent"},
    {"credentials", "offload.receive_credentials"},
};

static char *const FIXED[] = {
    "PATH=/usr/bin:/bin",
    "HOME=/home/offload",
    "PYTHONPATH=/opt/cluster-traffic-capture",
    "PYTHONUNBUFFERED=1",
    "PYTHONDONTWRITEBYTECODE=1",
};

static const char *const PASSED_ON[] = {
    "CAPTURE_CONFIG_DIR", "CAPTURE_RUNTIME_DIR", "TZ",
    "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE",
    "AWS_CA_BUNDLE", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_STS_REGIONAL_ENDPOINTS",
    "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT", "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
};

/* offload/credentials.py */
static const char PRIVATE[] = "/dev/shm/offload/";

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Whether "name" is of a file with a token, and that file, or what it leads to now, lies among the credentials. */
static int is_private(const char *name, const char *value)
{
    static const char SUFFIX[] = "_TOKEN_FILE";
    char path[PATH_MAX];
    size_t length = strlen(name);

    if (length < sizeof(SUFFIX) - 1 || strcmp(name + length - (sizeof(SUFFIX) - 1), SUFFIX) != 0)
        return 0;
    return strncmp(value, PRIVATE, sizeof(PRIVATE) - 1) == 0
        || (realpath(value, path) != NULL && strncmp(path, PRIVATE, sizeof(PRIVATE) - 1) == 0);
}

int main(int argc, char **argv)
{
    char *environment[LENGTH(FIXED) + LENGTH(PASSED_ON) + 1];
    size_t count = 0;

    for (size_t i = 0; i < LENGTH(FIXED); i++)
        environment[count++] = FIXED[i];
    for (size_t i = 0; i < LENGTH(PASSED_ON); i++) {
        const char *value = getenv(PASSED_ON[i]);
        if (value == NULL || is_private(PASSED_ON[i], value))
            continue;
        char *both = malloc(strlen(PASSED_ON[i]) + strlen(value) + 2);
        if (both == NULL)
            return 111;
        sprintf(both, "%s=%s", PASSED_ON[i], value);
        environment[count++] = both;
    }
    environment[count] = NULL;

    /* What it leaves can be removed by the proxy's user, who is of the same group. */
    umask(007);
    if (chdir("/") != 0)
        return 111;
    for (size_t i = 0; argc == 2 && i < LENGTH(PROGRAMS); i++) {
        if (strcmp(argv[1], PROGRAMS[i][0]) != 0)
            continue;
        /* -sP: no code from the user's home or the working directory. */
        char *const words[] = {"python3", "-sP", "-m", (char *)PROGRAMS[i][1], NULL};
        execve("/usr/bin/python3", words, environment);
        perror("as-offload: /usr/bin/python3");
        return 126;
    }
    fprintf(stderr, "as-offload: usage: as-offload offload|cloudwatch-agent|credentials\n");
    return 100;
}
