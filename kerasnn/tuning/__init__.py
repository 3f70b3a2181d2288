"""Search for hyper-parameters: `kerasnn.tune`, which needs the extra ``tune``.

::

    spaces        where a hyper-parameter is looked for, as text: ``log [0.001, 0.1]``
    derived       spaces of models that name none
    study         the trials, in a file that outlives the process
    trials        one trial: a training that is given up once it is clearly worse, and its time
    forgetting    what TensorFlow keeps of networks that are gone, freed
    telling       what the report says of the search
    tuner         from arguments to a run
"""
