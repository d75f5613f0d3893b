# Prints the first Python on the PATH that can run Holdfast (3.11 to 3.14) and make a virtual environment.
# It is run, not only found: version managers put commands on the PATH that exist and do not work.
for python in python3 python3.14 python3.13 python3.12 python3.11; do
  if "$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null; then
    echo "$python"
    exit 0
  fi
done
echo "Holdfast needs Python 3.11 to 3.14 with its venv and ensurepip modules; found none on the PATH." >&2
echo "Install one (on Debian: apt-get install python3 python3-venv) and run make again." >&2
exit 1
